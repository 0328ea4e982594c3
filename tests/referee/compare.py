"""Two lists of facts held against each other."""

import facts

CONTEXT = 3


def differences(linux, baton):
    """[text] of what is not equal, one text a subject; empty when the two agree."""
    found = []
    for subject in facts.ALL_SUBJECTS:
        ours = [line for filed, line in baton if filed == subject]
        theirs = [line for filed, line in linux if filed == subject]
        if ours != theirs:
            found.append(_first_difference(subject, theirs, ours))
    if not found and linux != baton:
        order = [" > ".join(_order(side)) for side in (linux, baton)]
        found.append(f"the subjects come in another order\n  Linux: {order[0]}\n  Baton: {order[1]}")
    return found


def _order(side):
    return [subject for i, (subject, _) in enumerate(side)
            if i == 0 or side[i - 1][0] != subject]


def _first_difference(subject, theirs, ours):
    at = next((i for i, pair in enumerate(zip(theirs, ours)) if pair[0] != pair[1]),
              min(len(theirs), len(ours)))
    text = f"{subject}: line {at + 1} of {len(theirs)} (Linux), {len(ours)} (Baton)"
    for name, side in (("Linux", theirs), ("Baton", ours)):
        for i in range(max(0, at - CONTEXT), min(len(side), at + CONTEXT + 1)):
            text += f"\n  {name} {'>' if i == at else ' '} {side[i]}"
        if at >= len(side):
            text += f"\n  {name} > (nothing more)"
    return text
