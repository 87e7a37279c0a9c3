"""A server of nano whose calendar takes two seconds for one day of each month.

python -m benchmarks.serving.slow_tool PORT
"""

import sys
import time
from dataclasses import replace
from datetime import date

from benchmarks.serving.client import HOST
from benchmarks.serving.texts import SLOW_DAY
from themis.inference import JudgingService, load_judge
from themis.serve.app import server_of
from themis.serve.guard import Door
from themis.serve.listening import listener
from themis.serve.serving import Serving
from themis.tools import Toolbox
from themis.tools.calendar import week_day
from themis.tools.demo import demo_tools

SECONDS = 2.0


def slow_week_day(day: date) -> str:
    """The day of the week; on some days only after a while."""
    if day.day == SLOW_DAY:
        time.sleep(SECONDS)
    return week_day(day)


def main() -> None:
    """Serve until SIGTERM."""
    listening = listener(HOST, int(sys.argv[1]))
    tools = [replace(tool, function=slow_week_day) if tool.name == week_day.name else tool for tool in demo_tools()]
    with Toolbox(tools) as toolbox, load_judge(toolbox=toolbox, rationale="skip", batch_size=32) as judge, JudgingService(judge) as service:
        server_of(Serving(service), Door(HOST)).run(sockets=[listening])


if __name__ == "__main__":
    main()
