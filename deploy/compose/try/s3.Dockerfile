# Stands in for versitygw's own image in deploy/compose/try.sh: the program that this project's tests build. Not for use.
ARG BASE
FROM $BASE
COPY versitygw /usr/bin/versitygw
