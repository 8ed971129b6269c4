"""A typed client of `/api/v1`. `resources.py` and `shapes.py` are made of the front end's table: do not edit them."""

from .base import Refused, Transport
from .resources import Api
from .web import Web, connect

__all__ = ["Api", "Refused", "Transport", "Web", "connect"]
