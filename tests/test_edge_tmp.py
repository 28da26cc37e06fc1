from tests.work_orders.orders import Town, make_town
def test_edges(client, session):
    town = make_town(client, session)
    o = town.accept()
    for r in (town.get("supervisor", f"work-orders/{10**20}"), town.get("supervisor","work-orders",after=10**20), town.get("supervisor","defects",municipality_id=-10**20),
        town.act("supervisor", o["id"], "hold", reason="a\0b"), town.post("inspector", f"defects/{o['defect_id']}/reviews", verdict="reject", note="a\0"),
        town.act("supervisor", o["id"], "assign", unit_id=10**30), town.act("supervisor", o["id"], "hold", reason="\ud800")if 0 else town.act("supervisor", o["id"], "hold", reason="   ")):
        print(r.status_code, r.text[:150])
