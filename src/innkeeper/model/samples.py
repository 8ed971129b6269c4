"""What was measured of an object at one time."""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

#: Figures under the names that OpenNebula's documents use (spec: xml-documents.md sections 1.4 and 2): of a VM `CPU`
#: (percent of a core), `MEMORY` (KiB), `NETRX`, ...; of a host `FREE_CPU`, `USED_MEMORY`, `NETRX`, ...
Figures: TypeAlias = Mapping[str, int | float]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, int | float]).decode


class Sample(msgspec.Struct, frozen=True, gc=False):
    """What was measured at `ts` (whole epoch seconds); `body` is JSON, as it stands on the disk.

    The last sample of an object is the very same one until there is a newer one.
    """

    ts: int
    body: bytes

    @classmethod
    def of(cls, ts: int, values: Figures) -> "Sample":
        """From figures by name."""
        return cls(ts, _encode(values))

    @property
    def values(self) -> dict[str, int | float]:
        """The figures by name."""
        return _decode(self.body)
