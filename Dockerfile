# A workshop's image: the clone, set up by its own Makefile. See docs/ways_in.md.
#
#   docker build -t advtutor .
#   docker run --rm -p 127.0.0.1:8888:8888 advtutor
FROM python:3.11-slim

RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*

RUN useradd --create-home --uid 1000 learner
USER learner
WORKDIR /home/learner/advtutor
COPY --chown=learner . .
RUN make setup && make doctor

# Within the container the server has to listen on all its addresses; the port above is published
# on the host's loopback only, and the token is asked for as ever.
CMD [".venv/bin/python", "-m", "jupyterlab", "--ip=0.0.0.0", "--no-browser", "notebooks/00_start_here.ipynb"]
