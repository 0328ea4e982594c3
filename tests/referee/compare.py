"""Two lists of facts held against each other."""

import facts

CONTEXT = 3


def differences(left, right, names=("Linux", "Baton")):
    """[text] of what is not equal, one text a subject; empty when the two agree."""
    found = []
    for subject in sorted({filed for filed, _ in left + right}, key=facts.position):
        sides = [[line for filed, line in side if filed == subject] for side in (left, right)]
        if sides[0] != sides[1]:
            found.append(_first_difference(subject, sides, names))
    if not found and left != right:
        found.append("the subjects come in another order" + "".join(
            f"\n  {name}: {' > '.join(_order(side))}"
            for name, side in zip(names, (left, right))))
    return found


def _order(side):
    return [subject for i, (subject, _) in enumerate(side)
            if i == 0 or side[i - 1][0] != subject]


def _first_difference(subject, sides, names):
    lengths = [len(side) for side in sides]
    at = next((i for i, pair in enumerate(zip(*sides)) if pair[0] != pair[1]), min(lengths))
    text = f"{subject}: line {at + 1} of " + ", ".join(
        f"{length} ({name})" for length, name in zip(lengths, names))
    for name, side in zip(names, sides):
        for i in range(max(0, at - CONTEXT), min(len(side), at + CONTEXT + 1)):
            text += f"\n  {name} {'>' if i == at else ' '} {side[i]}"
        if at >= len(side):
            text += f"\n  {name} > (nothing more)"
    return text
