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
