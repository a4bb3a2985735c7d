"""Sharing whole units out pro rata: exact, fair, and never taking back.

Shares and cents are dealt by the same pure function. The share of a participant is its quota, ``total × weight / Σ
weights``; as units can't be split, everyone gets the quota rounded down or up, and who is rounded up is the question:

* when nothing more will come, the largest remainders are (Hamilton's method);
* while more may come, those are whose next whole unit falls due first. Largest remainders would paint us into a
  corner here: with weights 2, 8, 8, 8 four units go 1, 1, 1, 1 and five go 0, 2, 2, 1, but what is posted can't be
  taken back. Earliest due date first keeps every later total reachable within a unit of every quota (it is the
  quota method of Balinski and Young, "The Quota Method of Apportionment", 1975, seen as a schedule).

Equal claims are ordered by ``turn``, a number that the caller draws anew for each occasion, so no account is favoured
and the order of the list means nothing.
"""

from collections.abc import Sequence


def share_out(
    total: int,
    weights: Sequence[int],
    already: Sequence[int],
    turn: Sequence[int],
    *,
    more_to_come: bool = False,
) -> list[int]:
    """Each participant's units out of ``total``, at least what it has ``already``; they sum to ``total`` exactly.

    Raises ``ValueError`` when ``total`` is less than what was shared out already, or nobody has a weight.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError(f"weights must be positive in sum and none negative, got a sum of {whole}")
    if total < sum(already):
        raise ValueError(f"{sum(already)} units are shared out already, {total} can't be all there is")
    floors = [total * weight // whole for weight in weights]
    shares = [max(floor, had) for floor, had in zip(floors, already, strict=True)]
    spare = total - sum(shares)
    if spare < 0:
        # Only if weights changed between calls: those furthest above what they had wait for their rounding.
        _give_back(shares, already, -spare, turn)
        return shares
    below = [i for i, weight in enumerate(weights) if shares[i] * whole < total * weight]
    if more_to_come:
        below.sort(key=lambda i: (-(-(shares[i] + 1) * whole // weights[i]), turn[i]))
    else:
        below.sort(key=lambda i: (shares[i] * whole - total * weights[i], turn[i]))
    for i in below[:spare]:
        shares[i] += 1
    return shares


def _give_back(shares: list[int], already: Sequence[int], excess: int, turn: Sequence[int]) -> None:
    while excess:
        above = sorted(
            (i for i, had in enumerate(already) if shares[i] > had),
            key=lambda i: (already[i] - shares[i], turn[i]),
        )
        each = max(1, excess // len(above))
        for i in above:
            taken = min(each, shares[i] - already[i], excess)
            shares[i] -= taken
            excess -= taken
