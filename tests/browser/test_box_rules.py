"""The rules by which a hand changes a box, run by the browser that uses them."""

import pytest

from tests.browser.conftest import OpenPage
from tests.browser.test_review_desk import ENGLISH

pytestmark = pytest.mark.browser


def test_whatever_a_hand_does_a_box_stays_whole_on_its_frame(open_page: OpenPage) -> None:
    """The rules themselves, over a grid of boxes, drags and handles."""
    page = open_page(ENGLISH)
    page.goto("/sign-in")
    wrong = page.evaluate(
        """async () => {
            const { boxBetween, gripAt, HANDLES, moveBox, resizeBox } = await import("/static/js/boxes.js");
            const frame = { width: 60, height: 40, least: 2 };
            const stands = ([x0, y0, x1, y1]) => x0 >= 0 && y0 >= 0 && x1 <= 60 && y1 <= 40 && x1 - x0 >= 2
                && y1 - y0 >= 2 && [x0, y0, x1, y1].every(Number.isInteger);
            const steps = [-1000, -7.5, -0.4, 0, 3.2, 19, 1000], wrong = [];
            for (const box of [[0, 0, 60, 40], [10.4, 10.6, 13, 12], [58.2, 38.1, 59.9, 40], [0.2, 0.4, 1, 1.1]]) {
                for (const dx of steps) for (const dy of steps) {
                    const [from, to] = [{ x: dx, y: dy }, { x: box[0], y: box[1] }];
                    const made = [moveBox(box, dx, dy, frame), boxBetween(from, to, frame)];
                    made.push(...HANDLES.map(handle => resizeBox(box, handle, dx, dy, frame)));
                    wrong.push(...made.filter(one => !stands(one)).map(one => [box, dx, dy, one]));
                }
                const middle = { x: (box[0] + box[2]) / 2, y: (box[1] + box[3]) / 2 };
                if (gripAt(box, middle, 50) !== "body") wrong.push([box, "cannot be moved"]);
            }
            return wrong;
        }"""
    )
    assert wrong == []
