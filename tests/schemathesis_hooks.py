"""What schemathesis has to be told: an APK is sent as the bytes that it is."""

import schemathesis

schemathesis.serializer.alias("application/vnd.android.package-archive", "application/octet-stream")
