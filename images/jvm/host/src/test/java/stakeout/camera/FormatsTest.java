package stakeout.camera;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import java.util.Arrays;
import org.junit.Test;

public class FormatsTest {
  @Test public void yv12_has_the_planes_of_nv21_in_rows_of_sixteen() {
    byte[] nv21 = new byte[32 * 2 * 3 / 2];
    Arrays.fill(nv21, 0, 64, (byte) 1);
    for (int i = 64; i < nv21.length; i += 2) {
      nv21[i] = 2;
      nv21[i + 1] = 3;
    }
    byte[] v = new byte[16], u = new byte[16], yv12 = Yuv.yv12(nv21, 32, 2);
    Arrays.fill(v, (byte) 2);
    Arrays.fill(u, (byte) 3);
    assertEquals(96, yv12.length);
    assertArrayEquals(v, Arrays.copyOfRange(yv12, 64, 80));
    assertArrayEquals(u, Arrays.copyOfRange(yv12, 80, 96));
  }

  @Test public void a_driver_takes_only_sizes_that_it_offers() {
    CameraParameters p = new CameraParameters(Lens.BACK);
    assertTrue(p.set(p.flat().replace("preview-size=640x480", "preview-size=320x240")));
    assertArrayEquals(new int[] {320, 240}, p.size("preview-size"));
    assertFalse(p.set(p.flat().replace("preview-size=320x240", "preview-size=333x222")));
    assertArrayEquals("unchanged", new int[] {320, 240}, p.size("preview-size"));
  }
}
