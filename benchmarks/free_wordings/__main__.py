"""Print the pairs as JSON lines."""

import json

from benchmarks.free_wordings import written

for pair in written():
    print(json.dumps(pair.row(), ensure_ascii=False))
