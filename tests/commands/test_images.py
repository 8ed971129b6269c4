"""Images: what guests may have written into them, and what is under way on them."""

from innkeeper.commands import images
from tests.commands.realm import ADMIN, Realm


def test_an_image_is_copied_as_what_it_is_known_to_be(realm: Realm) -> None:
    """Guests write into persistent images: what one looks like is the guest's word."""
    image = realm.image("NAME=img\nSIZE=9\nFORMAT=raw\nPERSISTENT=YES")
    realm.do(lambda tx: images.clone(tx, ADMIN, image.id, "copy", -1))
    (asked,) = realm.asked
    assert asked.args["format"] == "raw"
