"""`python -m advtutor`: the command line, also where no console script is on the path."""

from advtutor.course.cli import app

app(prog_name="advtutor")
