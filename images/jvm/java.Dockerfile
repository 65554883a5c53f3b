# The Java parts of the jvm device: a JRE, ffmpeg for the recorder's files, the frameworks and the host.
# The context is what images/jvm/build.sh writes.
ARG BASE
FROM $BASE
RUN mkdir -p /usr/share/man/man1 && apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qy openjdk-17-jre-headless fontconfig ffmpeg libavcodec-extra \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && printf 'app:x:10001:10001::/nonexistent:/usr/sbin/nologin\nconvert:x:10002:10002::/nonexistent:/usr/sbin/nologin\n' >> /etc/passwd \
 && printf 'app:x:10001:\nconvert:x:10002:\n' >> /etc/group
COPY sdk /opt/stakeout/sdk
COPY lib /opt/stakeout/lib
COPY convert /opt/stakeout/convert
COPY host.args convert.args empty.apk /opt/stakeout/
# The host's own classes as this JVM has them after a boot: a second of processor time less at each start.
RUN cd /opt/stakeout && grep -v host.jsa host.args > /tmp/host.args \
 && printf '%s\n' '{"id":1,"verb":"boot","api":34}' '{"id":2,"verb":"stop"}' \
 | java -Xmx768m -Xlog:all=off -XX:ArchiveClassesAtExit=host.jsa @/tmp/host.args >/dev/null 2>&1; \
 chmod 644 /opt/stakeout/host.jsa && rm -rf /tmp/*
