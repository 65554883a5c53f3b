# Emulator, one system image and the virtual device, below the emulator device. Large, and changes only with the lock.
# The context comes from `stakeout images build emulator` (worker/sdk); its labels are added there.
ARG BASE
FROM $BASE
# libnss3 and the X libraries are the emulator's own needs, window or not; pulseaudio is the microphone's way in, ffmpeg makes films for
# the cameras, openssl names certificates as Android does. What comes after xvfb is for an emulator with a window: what its engine is
# linked with beside (ldd of 37.1.11's, by others), and what Qt's plugin for X loads (doc.qt.io, Qt for X11 Requirements).
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy \
    libc6 libdbus-1-3 libfontconfig1 libgcc-s1 libpulse0 libtinfo6 libx11-6 libxcb1 libxdamage1 libnss3 libxcomposite1 libxcursor1 \
    libxi6 libxext6 libxfixes3 zlib1g libgl1 pulseaudio openssl ffmpeg \
    xvfb libxkbfile1 libxkbcommon0 libxkbcommon-x11-0 libxrandr2 libxrender1 libxtst6 libx11-xcb1 libasound2 libdrm2 libgbm1 libegl1 \
    libsm6 libice6 libxcb-cursor0 libxcb-glx0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render0 \
    libxcb-render-util0 libxcb-shape0 libxcb-shm0 libxcb-sync1 libxcb-util1 libxcb-xfixes0 libxcb-xinerama0 libxcb-xkb1 \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 && printf 'app:x:10001:10001::/data:/usr/sbin/nologin\naudio-feed:x:10003:10003::/nonexistent:/usr/sbin/nologin\ndisplay:x:10005:10005::/nonexistent:/usr/sbin/nologin\n' >> /etc/passwd \
 && printf 'app:x:10001:\naudio-feed:x:10003:\ndisplay:x:10005:\n' >> /etc/group
# The largest first, which changes least: a new emulator adds its own layer and not the system image once more.
COPY sdk/system-images /opt/android/sdk/system-images
COPY sdk/emulator /opt/android/sdk/emulator
COPY meta /opt/android/sdk
# The emulator's user owns its device: a bake, whose root can be written, saves the snapshot here. In a trial the root cannot be
# written, and the device starts from a copy.
COPY --chown=10001:10001 avd /opt/android/avd
ENV ANDROID_HOME=/opt/android/sdk ANDROID_SDK_ROOT=/opt/android/sdk ANDROID_AVD_HOME=/opt/android/avd
