"""Pictures as addresses that hold them, so that a page needs no other file."""

import base64
import io

from PIL import Image


def as_jpeg(picture: Image.Image, *, quality: int = 82) -> str:
    """Return a picture as the address of a JPEG that holds it."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return _address("jpeg", buffer.getvalue())


def as_png(picture: Image.Image) -> str:
    """Return a picture as the address of a PNG that holds it, without loss."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return _address("png", buffer.getvalue())


def _address(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
