//! Projective maps of the plane, as 3 x 3 matrices that act on columns (x, y, 1).

/// Rows of a projective map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mat3(pub(crate) [[f64; 3]; 3]);

impl Mat3 {
    pub(crate) fn scale(x: f64, y: f64) -> Self {
        Self([[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, 1.0]])
    }

    pub(crate) fn shift(x: f64, y: f64) -> Self {
        Self([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
    }

    /// The map that does `other` first.
    pub(crate) fn after(&self, other: &Self) -> Self {
        let mut out = [[0.0; 3]; 3];
        for (i, row) in out.iter_mut().enumerate() {
            for (j, v) in row.iter_mut().enumerate() {
                *v = (0..3).map(|k| self.0[i][k] * other.0[k][j]).sum();
            }
        }
        Self(out)
    }

    /// None when the map flattens the plane or is not finite.
    pub(crate) fn inverse(&self) -> Option<Self> {
        let m = &self.0;
        let minor = |i: usize, j: usize| {
            let (a, b) = ((i + 1) % 3, (i + 2) % 3);
            let (c, d) = ((j + 1) % 3, (j + 2) % 3);
            m[a][c] * m[b][d] - m[a][d] * m[b][c]
        };
        let det: f64 = (0..3).map(|j| m[0][j] * minor(0, j)).sum();
        if !det.is_finite() || det.abs() < 1e-12 {
            return None;
        }
        Some(Self(std::array::from_fn(|i| std::array::from_fn(|j| minor(j, i) / det))))
    }

    /// Where a point goes.
    pub(crate) fn apply(&self, x: f64, y: f64) -> (f64, f64) {
        let [a, b, c] = self.0.map(|r| r[0] * x + r[1] * y + r[2]);
        (a / c, b / c)
    }

    /// Length of a short step at a point after the map, for a step of 1 before (geometric mean of both directions).
    pub(crate) fn stretch(&self, x: f64, y: f64) -> f64 {
        let w = self.0[2][0] * x + self.0[2][1] * y + self.0[2][2];
        let (px, py) = self.apply(x, y);
        let j = |i: usize, k: usize, p: f64| (self.0[i][k] - p * self.0[2][k]) / w;
        (j(0, 0, px) * j(1, 1, py) - j(0, 1, px) * j(1, 0, py)).abs().sqrt()
    }
}
