package stakeout.camera;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.text.SimpleDateFormat;
import java.util.Date;
import java.util.Locale;
import stakeout.time.Clock;

/** The Exif segment that a camera's driver writes: orientation, maker, model, the time of exposure (Exif 2.3, section 4.6). */
final class Exif {
  private Exif() {}

  private static final String MAKER = "stakeout", MODEL = "jvm";

  /** @param rotation degrees, told as the orientation tag, as most drivers do instead of turning the picture */
  static byte[] with(byte[] jpeg, int rotation) {
    if (jpeg.length < 2 || (jpeg[0] & 255) != 0xff || (jpeg[1] & 255) != 0xd8) return jpeg;
    byte[] s = segment(rotation);
    ByteArrayOutputStream o = new ByteArrayOutputStream(jpeg.length + s.length);
    o.write(jpeg, 0, 2);
    o.write(s, 0, s.length);
    o.write(jpeg, 2, jpeg.length - 2);
    return o.toByteArray();
  }

  private static byte[] segment(int rotation) {
    short orientation = (short) switch (((rotation % 360) + 360) % 360) { case 90 -> 6; case 180 -> 3; case 270 -> 8; default -> 1; };
    byte[] date = text(new SimpleDateFormat("yyyy:MM:dd HH:mm:ss", Locale.ROOT).format(new Date(Clock.now())));
    byte[] maker = text(MAKER), model = text(MODEL);
    int entries = 4, data = 8 + 2 + 12 * entries + 4;
    ByteBuffer tiff = ByteBuffer.allocate(data + maker.length + model.length + date.length);
    tiff.put("MM".getBytes(StandardCharsets.US_ASCII)).putShort((short) 42).putInt(8).putShort((short) entries);
    int at = data;
    at = ascii(tiff, 0x010f, maker, at);
    at = ascii(tiff, 0x0110, model, at);
    tiff.putShort((short) 0x0112).putShort((short) 3).putInt(1).putShort(orientation).putShort((short) 0);
    ascii(tiff, 0x0132, date, at);
    tiff.putInt(0);
    for (byte[] t : new byte[][] {maker, model, date}) if (t.length > 4) tiff.put(t);
    int length = tiff.position();
    ByteBuffer out = ByteBuffer.allocate(4 + 6 + length);
    out.putShort((short) 0xffe1).putShort((short) (2 + 6 + length)).put("Exif\0\0".getBytes(StandardCharsets.US_ASCII)).put(tiff.array(), 0, length);
    return out.array();
  }

  private static byte[] text(String s) {
    return (s + "\0").getBytes(StandardCharsets.US_ASCII);
  }

  /** One entry of ASCII: up to four bytes lie in the entry itself, more lie at `at`. */
  private static int ascii(ByteBuffer b, int tag, byte[] text, int at) {
    b.putShort((short) tag).putShort((short) 2).putInt(text.length);
    if (text.length > 4) {
      b.putInt(at);
      return at + text.length;
    }
    b.put(text).put(new byte[4 - text.length]);
    return at;
  }
}
