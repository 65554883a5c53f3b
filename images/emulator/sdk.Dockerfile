# Emulator, adb, one system image and the virtual device, below the emulator device. Large, and changes only with the lock.
# The context comes from `stakeout images build emulator` (worker/sdk); its labels are added there.
ARG BASE
FROM $BASE
# libnss3 and the X libraries are the emulator's own needs, window or not; pulseaudio is the microphone's way in; openssl names
# certificates as Android does.
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy \
    libc6 libdbus-1-3 libfontconfig1 libgcc-s1 libpulse0 libtinfo6 libx11-6 libxcb1 libxdamage1 libnss3 libxcomposite1 libxcursor1 \
    libxi6 libxext6 libxfixes3 zlib1g libgl1 pulseaudio socat openssl \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && printf 'app:x:10001:10001::/data:/usr/sbin/nologin\naudio-feed:x:10003:10003::/nonexistent:/usr/sbin/nologin\nadb:x:10004:10004::/nonexistent:/usr/sbin/nologin\n' >> /etc/passwd \
 && printf 'app:x:10001:\naudio-feed:x:10003:\nadb:x:10004:\n' >> /etc/group
# The largest first, which changes least: a new emulator adds its own layer and not the system image once more.
COPY sdk/system-images /opt/android/sdk/system-images
COPY sdk/platform-tools /opt/android/sdk/platform-tools
COPY sdk/emulator /opt/android/sdk/emulator
COPY meta /opt/android/sdk
# The emulator's user owns its device: a bake, whose root can be written, saves the snapshot here. In a trial the root cannot be
# written, and the device starts from a copy.
COPY --chown=10001:10001 avd /opt/android/avd
ENV ANDROID_HOME=/opt/android/sdk ANDROID_SDK_ROOT=/opt/android/sdk ANDROID_AVD_HOME=/opt/android/avd
