"""The layers of the table on the page "How fast is it?": what it shows as met holds here, too.

The table is of one machine; where it shows a limit as not met, nothing is asserted.
"""

import pytest

from unrolled.authoring import peers, speed

CASES = {(case.layer, case.size): case for case in peers.cases()}
MET = {}  # (layer, size, form): limit
for row in speed.read()[0]:
    for form, limit in row.limits.items():
        MET.setdefault((row.layer, row.size, form), []).append(row.met(form) and limit)
MET = {key: limits[0] for key, limits in MET.items() if all(limits)}


@pytest.mark.parametrize("key", MET, ids=lambda key: ", ".join(key))
def test_limit(ratio, key):
    forms = CASES[key[:2]].forms
    assert round(ratio(forms["ours"], forms[key[2]], rounds=25), 2) <= MET[key]
