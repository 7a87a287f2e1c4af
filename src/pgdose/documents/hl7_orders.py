"""The orders of an HL7 v2 message: which segments belong to which examination, and its number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import hl7  # type: ignore[import-untyped]

from pgdose.documents.hl7_messages import Message

Named = tuple[str, hl7.Segment]  # a segment with its name


@dataclass
class Order:
    """An examination: an OBR with the ORC before it, and the segments of its group.

    patient: the segments that all orders of its patient share, from MSH to before the first ORC.
    """

    common: hl7.Segment | None  # ORC
    request: hl7.Segment | None  # OBR
    patient: Sequence[Named]
    segments: list[Named] = field(default_factory=list)

    def values(self, message: Message, name: str) -> tuple[str, ...]:
        """The values of a field, such as OBR-18 or OBR-3.2, one a repetition.

        A number in the group of another order, or of another patient, names other films.
        """
        segment_name, _, place = name.partition("-")
        number, _, component = place.partition(".")
        segment = self._segment(segment_name)
        part = int(component or 1) - 1
        values = []
        for repetition in message.repetitions(segment, int(number)):
            parts = message.components(repetition)
            # A line break within a number: what stands behind it belongs to no field.
            if part < len(parts) and parts[part] and "\n" not in parts[part]:
                values.append(parts[part])
        return tuple(dict.fromkeys(values))

    def _segment(self, name: str) -> hl7.Segment | None:
        if name in ("ORC", "OBR"):
            return self.common if name == "ORC" else self.request
        return next((of for n, of in chain(self.segments, self.patient) if n == name), None)


def orders_of(message: Message) -> Iterator[Order]:
    """The orders in their order. A message without any OBR is one order for each patient."""
    header: list[Named] = []
    patients: list[list[Named]] = []
    for name, segment in message:
        if name == "PID":
            patients.append([])
        (patients[-1] if patients else header).append((name, segment))
    if not patients:
        patients, header = [header], []
    for segments in patients:
        yield from _orders_of_patient(header, segments)


def _orders_of_patient(header: Sequence[Named], segments: Sequence[Named]) -> list[Order]:
    """An ORC begins an order, as an OBR does without one of its own.

    An OBR without an ORC shares that of the order before.
    """
    patient = [*header]
    orders: list[Order] = []
    for name, segment in segments:
        if name == "ORC":
            orders.append(Order(segment, None, patient))
        elif name == "OBR":
            if not orders or orders[-1].request is not None:
                orders.append(Order(orders[-1].common if orders else None, None, patient))
            orders[-1].request = segment
        else:
            (orders[-1].segments if orders else patient).append((name, segment))
    with_text = [of for of in orders if of.request is not None or _has_text(of.segments)]
    if not with_text and _has_text(patient):
        return [Order(None, None, patient, list(segments))]
    return with_text


def _has_text(segments: Sequence[Named]) -> bool:
    return any(name == "OBX" for name, _ in segments)
