"""The pictures of the lessons, without words, so that every language can use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final

from builder.kolibri.demo.picture import HEIGHT, WIDTH, Canvas


def _mango(canvas: Canvas, x: float, y: float) -> None:
    canvas.disc(x, y, 16, "orange")
    canvas.disc(x - 4, y - 4, 9, "sun")
    canvas.line((x, y - 15), (x + 3, y - 23), 3, "soil")
    canvas.polygon(((x + 3, y - 21), (x + 16, y - 27), (x + 12, y - 17)), "leaf")


def _flower(canvas: Canvas, x: float, y: float) -> None:
    for dx, dy in ((0, -14), (13, -5), (8, 11), (-8, 11), (-13, -5)):
        canvas.disc(x + dx, y + dy, 10, "red")
    canvas.disc(x, y, 9, "sun")


def _cloud(canvas: Canvas, x: float, y: float, colour: str) -> None:
    for dx, dy, radius in ((-34, 6, 18), (-12, -6, 24), (16, -2, 22), (38, 8, 15)):
        canvas.disc(x + dx, y + dy, radius, colour)
    canvas.rect(x - 36, y + 8, 76, 16, colour)


def counting() -> Canvas:
    """Three rows of five mangoes."""
    canvas = Canvas("cream")
    canvas.rect(0, 196, WIDTH, 29, "soil")
    for row in range(3):
        for column in range(5):
            _mango(canvas, 70 + 65 * column, 45 + 62 * row)
    return canvas


def water() -> Canvas:
    """Sun, sea, rising vapour, cloud, rain on a mountain, river."""
    canvas = Canvas("sky")
    canvas.disc(58, 50, 30, "sun")
    canvas.polygon(((190, 225), (300, 70), (400, 190), (400, 225)), "green")
    canvas.polygon(((272, 109), (300, 70), (331, 107), (302, 122)), "white")
    canvas.rect(0, 165, 220, 60, "blue")
    canvas.polygon(((299, 120), (309, 120), (270, 190), (215, 205), (215, 180), (262, 170)), "blue")
    for x in (60, 100, 140):
        canvas.line((x, 152), (x, 112), 4, "white")
        canvas.polygon(((x - 9, 116), (x, 98), (x + 9, 116)), "white")
    _cloud(canvas, 285, 40, "grey")
    for x, y in ((250, 75), (270, 88), (292, 76), (314, 90), (336, 75), (356, 90)):
        canvas.line((x, y), (x - 4, y + 13), 4, "deep")
    for x in range(10, 200, 40):
        canvas.line((x, 185 + x % 3 * 8), (x + 20, 185 + x % 3 * 8), 3, "sky")
    return canvas


def adding() -> Canvas:
    """Five mangoes and three mangoes."""
    canvas = Canvas("cream")
    for x, y in ((50, 80), (95, 80), (140, 80), (72, 130), (117, 130)):
        _mango(canvas, x, y)
    canvas.line((200, 90), (200, 130), 10, "deep")
    canvas.line((180, 110), (220, 110), 10, "deep")
    for x, y in ((270, 90), (315, 90), (292, 135)):
        _mango(canvas, x, y)
    canvas.rect(30, 170, 130, 8, "soil")
    canvas.rect(245, 170, 100, 8, "soil")
    return canvas


def hands() -> Canvas:
    """Two hands under a tap, with soap."""
    canvas = Canvas("sky")
    canvas.rect(150, 20, 110, 20, "grey")
    canvas.rect(240, 20, 20, 46, "grey")
    canvas.rect(234, 62, 32, 8, "ink")
    canvas.rect(176, 4, 30, 18, "red")
    canvas.rect(245, 72, 10, 150, "blue")
    for mirrored in (False, True):
        sign = -1 if mirrored else 1
        base = 250 + sign * 6
        canvas.polygon(((base, 180), (base + sign * 80, 150), (base + sign * 170, 190), (base + sign * 150, 225),
                        (base + sign * 60, 205)), "skin")  # fmt: skip
        for finger in range(4):
            y = 176 - 9 * finger
            canvas.line((base + sign * 70, y), (base + sign * (8 - 5 * finger), y - 22), 12, "skin")
    for x, y, radius in ((205, 120, 12), (180, 145, 8), (300, 125, 11), (322, 148, 7), (222, 95, 7), (285, 98, 8)):
        canvas.disc(x, y, radius, "white")
        canvas.disc(x + radius / 4, y + radius / 4, radius * 0.6, "sky")
    canvas.rect(40, 170, 80, 36, "sun")
    canvas.rect(46, 176, 68, 24, "cream")
    return canvas


_HOURS = ((0, -1), (0.5, -0.866), (0.866, -0.5), (1, 0), (0.866, 0.5), (0.5, 0.866),
          (0, 1), (-0.5, 0.866), (-0.866, 0.5), (-1, 0), (-0.866, -0.5), (-0.5, -0.866))  # fmt: skip


def clock() -> Canvas:
    """A clock at three, with the sun and the moon beside it."""
    canvas = Canvas("sky")
    canvas.rect(200, 0, 200, HEIGHT, "deep")
    canvas.disc(60, 60, 30, "sun")
    canvas.disc(345, 60, 28, "cream")
    canvas.disc(357, 52, 24, "deep")
    for x, y in ((320, 140), (370, 170), (340, 195), (305, 30)):
        canvas.disc(x, y, 3, "white")
    canvas.disc(200, 112, 96, "ink")
    canvas.disc(200, 112, 88, "white")
    for number, (dx, dy) in enumerate(_HOURS):
        inner = 68 if number % 3 == 0 else 75
        canvas.line((200 + dx * inner, 112 + dy * inner), (200 + dx * 80, 112 + dy * 80), 5, "ink")
    canvas.line((200, 112), (200, 46), 6, "blue")
    canvas.line((200, 112), (244, 112), 9, "red")
    canvas.disc(200, 112, 8, "ink")
    return canvas


def plants() -> Canvas:
    """A flowering plant with its roots in the ground."""
    canvas = Canvas("sky")
    canvas.disc(345, 45, 28, "sun")
    canvas.rect(0, 150, WIDTH, 75, "soil")
    canvas.rect(0, 145, WIDTH, 9, "grass")
    canvas.line((200, 155), (200, 50), 7, "leaf")
    for sign in (1, -1):
        canvas.polygon(((200, 120), (200 + sign * 38, 88), (200 + sign * 62, 92), (200 + sign * 40, 116)), "green")
        canvas.polygon(((200, 92), (200 + sign * 26, 66), (200 + sign * 44, 70), (200 + sign * 28, 86)), "green")
        canvas.line((200, 152), (200 + sign * 30, 180), 4, "sand")
        canvas.line((200 + sign * 30, 180), (200 + sign * 38, 210), 3, "sand")
        canvas.line((200 + sign * 14, 166), (200 + sign * 52, 172), 3, "sand")
    canvas.line((200, 152), (202, 215), 4, "sand")
    _flower(canvas, 200, 42)
    for x in (60, 110, 300, 350):
        canvas.line((x, 150), (x, 128), 4, "leaf")
        canvas.polygon(((x, 132), (x + 14, 120), (x + 4, 138)), "green")
    return canvas


def times() -> Canvas:
    """Four bags with three oranges each."""
    canvas = Canvas("cream")
    for column in range(4):
        x = 62 + 92 * column
        canvas.polygon(((x - 36, 90), (x + 36, 90), (x + 42, 190), (x - 42, 190)), "blue")
        canvas.line((x - 20, 90), (x - 12, 58), 5, "deep")
        canvas.line((x + 20, 90), (x + 12, 58), 5, "deep")
        canvas.line((x - 12, 58), (x + 12, 58), 5, "deep")
        for dx, dy in ((-17, 158), (17, 158), (0, 126)):
            canvas.disc(x + dx, dy, 15, "orange")
            canvas.disc(x + dx - 4, dy - 4, 6, "sun")
    return canvas


def food() -> Canvas:
    """A plate with rice, beans and vegetables, and a glass of water."""
    canvas = Canvas("sand")
    canvas.disc(170, 115, 100, "grey")
    canvas.disc(170, 113, 96, "white")
    canvas.disc(170, 113, 78, "cream")
    for x, y in ((120, 80), (138, 72), (128, 98), (148, 90), (112, 105), (158, 72), (140, 112), (162, 98)):
        canvas.disc(x, y, 13, "white")
        canvas.disc(x + 2, y + 2, 8, "cream")
    for x, y in ((190, 75), (208, 84), (224, 98), (196, 97), (214, 112), (232, 118), (200, 118)):
        canvas.disc(x, y, 9, "red", squash=0.7)
    for x, y in ((135, 145), (160, 155), (185, 150), (210, 145), (150, 170), (178, 172), (200, 165)):
        canvas.disc(x, y, 12, "green")
        canvas.disc(x - 3, y - 3, 6, "grass")
    canvas.polygon(((310, 70), (370, 70), (362, 190), (318, 190)), "white")
    canvas.polygon(((313, 100), (367, 100), (361, 186), (319, 186)), "blue")
    canvas.line((288, 60), (288, 190), 6, "grey")
    canvas.disc(288, 62, 12, "grey", squash=1.5)
    return canvas


def map_of_a_village() -> Canvas:
    """A village from above: roads, river, bridge, school, trees, and an arrow to the north."""
    canvas = Canvas("grass")
    canvas.polygon(((250, 0), (290, 0), (255, 90), (285, 160), (260, 225), (222, 225), (245, 160), (215, 90)), "blue")
    canvas.rect(0, 112, WIDTH, 20, "sand")
    canvas.rect(90, 0, 18, 225, "sand")
    canvas.rect(210, 108, 66, 28, "soil")
    for x, y in ((30, 40), (140, 30), (140, 165), (40, 165), (310, 150)):
        canvas.rect(x, y, 40, 30, "cream")
        canvas.polygon(((x - 5, y), (x + 20, y - 16), (x + 45, y)), "red")
        canvas.rect(x + 15, y + 14, 10, 16, "soil")
    for x, y in ((190, 50), (205, 75), (180, 195), (20, 205), (360, 200), (300, 95), (60, 95)):
        canvas.disc(x, y, 12, "leaf")
        canvas.disc(x - 3, y - 3, 7, "green")
    canvas.disc(355, 45, 32, "white")
    canvas.polygon(((355, 18), (366, 48), (355, 42)), "red")
    canvas.polygon(((355, 18), (344, 48), (355, 42)), "ink")
    canvas.line((355, 46), (355, 68), 4, "ink")
    return canvas


def fractions() -> Canvas:
    """Three flat breads: whole, in halves, in quarters."""
    canvas = Canvas("sky")
    for x in (80, 200, 320):
        canvas.disc(x, 115, 54, "soil")
        canvas.disc(x, 115, 50, "sand")
        for dx, dy in ((-20, -18), (16, -26), (24, 14), (-12, 22), (2, 0)):
            canvas.disc(x + dx, 115 + dy, 5, "soil", squash=0.7)
    canvas.rect(196, 55, 8, 120, "sky")
    canvas.rect(316, 55, 8, 120, "sky")
    canvas.rect(260, 111, 120, 8, "sky")
    return canvas


def chain() -> Canvas:
    """Sun, grass, grasshopper, frog, snake and eagle."""
    canvas = Canvas("sky")
    canvas.rect(0, 170, WIDTH, 55, "grass")
    canvas.disc(45, 40, 26, "sun")
    for x in range(20, 90, 10):
        canvas.polygon(((x - 4, 180), (x + x % 7 - 3, 125), (x + 4, 180)), "leaf")
    canvas.disc(125, 165, 20, "green", squash=0.4)
    canvas.disc(145, 160, 7, "green")
    canvas.line((118, 162), (108, 140), 4, "leaf")
    canvas.line((108, 140), (96, 172), 4, "leaf")
    canvas.line((149, 155), (160, 140), 2, "leaf")
    canvas.disc(200, 168, 24, "leaf", squash=0.7)
    canvas.disc(214, 152, 14, "leaf")
    canvas.disc(218, 144, 6, "white")
    canvas.disc(219, 144, 3, "ink")
    canvas.line((184, 178), (168, 186), 7, "leaf")
    snake = ((255, 185), (275, 165), (300, 185), (325, 165), (345, 178))
    for start, end in pairwise(snake):
        canvas.line(start, end, 10, "soil")
    canvas.disc(348, 176, 9, "soil")
    canvas.disc(350, 174, 2, "white")
    canvas.polygon(((270, 62), (320, 48), (345, 66), (320, 74)), "soil")
    canvas.polygon(((300, 58), (255, 18), (325, 52)), "ink")
    canvas.polygon(((318, 54), (385, 22), (338, 62)), "ink")
    canvas.disc(346, 64, 9, "white")
    canvas.polygon(((352, 62), (366, 68), (352, 69)), "sun")
    for x, y in ((85, 158), (162, 158), (240, 165)):
        canvas.line((x, y - 60), (x + 22, y - 60), 3, "ink")
        canvas.polygon(((x + 20, y - 67), (x + 32, y - 60), (x + 20, y - 53)), "ink")
    canvas.line((330, 145), (322, 105), 3, "ink")
    canvas.polygon(((315, 108), (321, 92), (329, 106)), "ink")
    return canvas


def shapes() -> Canvas:
    """Triangle, square, rectangle and circle, and a house that has them all."""
    canvas = Canvas("cream")
    canvas.polygon(((50, 95), (85, 30), (120, 95)), "red")
    canvas.rect(52, 125, 66, 66, "blue")
    canvas.rect(145, 140, 100, 50, "green")
    canvas.disc(190, 65, 36, "orange")
    canvas.polygon(((265, 95), (325, 35), (385, 95)), "red")
    canvas.rect(275, 95, 100, 96, "sand")
    canvas.rect(310, 131, 30, 60, "soil")
    canvas.rect(284, 105, 20, 20, "blue")
    canvas.rect(346, 105, 20, 20, "blue")
    canvas.disc(325, 72, 11, "sun")
    return canvas


def practice() -> Canvas:
    """An abacus."""
    canvas = Canvas("sky")
    canvas.rect(50, 25, 300, 14, "soil")
    canvas.rect(50, 190, 300, 14, "soil")
    canvas.rect(50, 25, 14, 179, "soil")
    canvas.rect(336, 25, 14, 179, "soil")
    for row, (colour, left) in enumerate((("red", 3), ("sun", 7), ("green", 5), ("blue", 9))):
        y = 62 + 36 * row
        canvas.rect(60, y - 2, 280, 4, "grey")
        for bead in range(10):
            x = 80 + 21 * bead if bead < left else 130 + 21 * bead
            canvas.disc(x, y, 11, colour, squash=1.25)
    return canvas


SCENES: Final[Mapping[str, Callable[[], Canvas]]] = {
    "counting": counting,
    "water": water,
    "adding": adding,
    "hands": hands,
    "clock": clock,
    "plants": plants,
    "times": times,
    "food": food,
    "map": map_of_a_village,
    "fractions": fractions,
    "chain": chain,
    "shapes": shapes,
    "practice": practice,
}
"""Pictures by the name that a lesson gives."""
