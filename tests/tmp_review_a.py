import json, struct
import pytest
from tests.factories import *
from service.accounts.permissions import Role
from service.accounts.secrets import hash_password

BIG = 10**30
@pytest.fixture
def admin(session):
    return sign_in(session, make_user(session, Role.ADMIN))

def show(tag, r):
    print("RES", tag, r.status_code, r.text[:150].replace("\n", " "))

def test_all(client, session, admin):
    html = admin | {"accept": "text/html"}
    for u in [f"/work-orders/{BIG}", f"/defects/{BIG}", f"/review?defect={BIG}", f"/review?after={BIG}", f"/review?done={BIG}", f"/detections/{BIG}/thumbnail", f"/review?sighting={BIG}", "/static/%00", "/static/a%00b", "/static/"+"a"*5000]:
        show(u[:40], client.get(u, headers=html))
    show("nulmail", client.post("/sign-in", data={"email": "a\0b", "password": "x"}, headers={"origin": "http://testserver"}))
    show("origin", client.post("/sign-in", data={"email": "ab", "password": "x"}, headers={"origin": "http://["}))
    show("referer", client.get("/language/ar", headers={"referer": "http://["}, follow_redirects=False))
    for b in [{"type": "FeatureCollection", "features": [1]}, {"type": "Feature", "geometry": "x"}, {"type": "FeatureCollection", "features": 5}, {"type": ["Polygon"]}, {"type": "Polygon"}, {"type": "Polygon", "coordinates": None}, {"type": "Polygon", "coordinates": "abc"}, {"type": "Polygon", "coordinates": [1]}, {"type": "Polygon", "coordinates": [[]]}, {"type": "Polygon", "coordinates": []}, {"type": "Polygon", "coordinates": [[["a", "b"], [1, 2], [3, 4]]]}, {"type": "Polygon", "coordinates": [[{}]]}, {"type": "Polygon", "coordinates": {"a": 1}}, {"type":"MultiPolygon","coordinates":[[1]]}, {"type":"MultiPolygon","coordinates":[]}, {"type":"MultiPolygon","coordinates":[[]]}, {"type":"FeatureCollection","features":{"a":1}}, {"type":"Feature","geometry":[1]}, {"type": "Polygon", "coordinates": [[[float("nan"), 0], [1, 2], [3, 4], [5,5]]]}]:
        show("boundary " + str(b), client.put("/api/v1/municipalities/1/boundary", headers=admin | {"content-type": "application/json"}, content=json.dumps(b)))
    deep = '{"type":"Feature","geometry":' * 900 + "{}" + "}" * 900
    show("deep", client.put("/api/v1/municipalities/1/boundary", headers=admin | {"content-type": "application/json"}, content=deep))
    show("surr key", client.put("/api/v1/routing-rules", headers=admin | {"content-type": "application/json"}, content='{"\\ud800": 1}'))
    show("surr val", client.post("/api/v1/login", headers={"content-type": "application/json"}, content='{"email":"\\ud800","password":"\\ud800"}'))
    show("badutf", client.post("/api/v1/login", headers={"content-type": "application/json"}, content=b'{"email":"\xff","password":"x"}'))
    show("user unit", client.post("/api/v1/users", headers=admin, json={"email": "q@x", "name": "n", "password": "x"*12, "role": "unit", "municipality_ids": [1], "unit_id": 999}))
    show("email long", client.post("/api/v1/users", headers=admin, json={"email": "İ"*252+"@x", "name": "n", "password": "x"*12, "role": "inspector", "municipality_ids": [1]}))
    v, key = make_vehicle(session)
    for t in ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+05:00", "9999-12-31T23:00:00Z", "0001-01-01T00:00:00Z"]:
        show("time " + t, send_frame(client, key, captured_at=t))
    show("frames page", client.get("/frames", headers=html))
    body = b'--x\r\nContent-Disposition: form-data; name="image"; filename="\\ud800.jpg"\r\n\r\nabc\r\n--x--\r\n'
    show("charset", client.post("/api/v1/frames", headers=key | {"content-type": "multipart/form-data; boundary=x; charset=raw_unicode_escape"}, content=body))
    show("badmulti", client.post("/api/v1/frames", headers=key | {"content-type": "multipart/form-data"}, content=body))
    def gen():
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
        for _ in range(30): yield b"a" * 100_000
        yield b'\r\n--x--\r\n'
    show("chunked", client.post("/api/v1/frames", headers=key | {"content-type": "multipart/form-data; boundary=x"}, content=gen()))
    def gen2():
        yield b'{"email":"'
        for _ in range(30): yield b"a" * 100_000
    show("chunked json", client.post("/api/v1/login", headers={"content-type": "application/json"}, content=gen2()))
    u = make_user(session, Role.INSPECTOR); h = sign_in(session, u)
    low = {"Authorization": h["Authorization"].replace("Bearer", "bearer")}
    show("logout", client.post("/api/v1/logout", headers=low)); show("me after logout", client.get("/api/v1/me", headers=low))
    for m in ("FOO1","FOO2"): show("method", client.request(m, "/healthz"))
    print("RES", [l for l in client.get("/metrics").text.splitlines() if "FOO" in l][:2])
