"""How hard the drinks scenes are: every knob in one place."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difficulty:
    """How hard the scenes are. Ranges are (least, most), drawn uniformly; lengths are for images 240 pixels high."""

    drinks: tuple[float, ...] = (0.5, 0.38, 0.12)  # chances of 1, 2, 3, ... bottles and cans
    distractors: int = 1  # maximum number of other things in a scene; they confuse, and hide drinks
    height: tuple[float, float] = (0.6, 0.92)  # of a drink, as a share of the image's height; small is hard
    distractor_height: tuple[float, float] = (0.18, 0.4)  # the same for other things
    overlap: float = 0.12  # largest share of a thing's area that may overlap things placed before it
    visible: float = 0.5  # least visible share of a drink; one hidden or cut off further is left out
    cut: float = 0.06  # chance that a thing may reach beyond the frame
    lying: float = 0.1  # share of scenes seen from above, where things lie at any angle
    tilt: float = 4.0  # maximum degrees by which standing things lean
    turn: float = 25.0  # maximum degrees by which lying things are turned
    elevation: tuple[float, float] = (10.0, 28.0)  # degrees by which the camera looks down on standing things
    keystone: float = 0.06  # maximum widening of a thing's top by perspective relative to its foot, or the reverse
    saturation: tuple[float, float] = (0.3, 0.95)  # of the things' colours; dull ones vanish in dull backgrounds
    value: tuple[float, float] = (0.4, 1.0)  # of colours, from black to bright; dark things vanish in shadows
    print_contrast: tuple[float, float] = (0.2, 0.7)  # of the print on labels; busy labels hide the form
    plain: float = 0.5  # share of walls and tabletops that are smooth, not photographs; photographs are hard
    background_contrast: tuple[float, float] = (0.2, 0.45)  # of photographs behind and below; 1 leaves them unchanged
    background_saturation: tuple[float, float] = (0.1, 0.5)  # the same for their colours
    depth_blur: tuple[float, float] = (1.0, 3.0)  # of the background (standard deviation in pixels); sharp is hard
    alike: float = 0.05  # share of juice cans that are as slim as soda cans
    taper: tuple[float, float] = (0.6, 0.72)  # of a soda can's ends, as a share of its width
    ribs: tuple[float, float] = (0.05, 0.08)  # depth of a juice can's ribs, as a share of its radius; flat is hard
    ribbed: float = 0.95  # share of juice cans that have ribs
    blur: tuple[float, float] = (0.0, 0.5)  # of the whole image (standard deviation in pixels)
    noise: tuple[float, float] = (0.0, 0.02)  # sensor noise (standard deviation; 1 is white)
    exposure: tuple[float, float] = (0.85, 1.25)  # brightness of the whole image
    quality: tuple[int, int] = (55, 95)  # of the JPEG file
    alike_neighbours: float = 0.0  # chance that a drink is of the same class as the one before
    all_fit: bool = True  # begin again until every drink finds a place; else leave out those that find none


CROWD = Difficulty(
    drinks=(0.0,) * 7 + (0.1,) * 10,  # 8 to 17, of which those are drawn that find a place
    height=(0.22, 0.4),
    distractor_height=(0.12, 0.25),
    overlap=0.55,
    visible=0.4,
    alike_neighbours=0.8,
    all_fit=False,
)
"""Many small drinks that touch and hide one another, often of one class: what a mask of classes cannot tell apart."""
