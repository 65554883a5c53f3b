# Stands in for the Docker library's `postgres` in deploy/compose/try.sh, where no registry has it. Not for use.
ARG BASE
FROM $BASE
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy postgresql && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && ln -s /usr/lib/postgresql/* /usr/lib/postgresql/current
COPY postgres.sh /usr/local/bin/start
ENV PATH=/usr/lib/postgresql/current/bin:$PATH
ENTRYPOINT ["/bin/sh", "/usr/local/bin/start"]
