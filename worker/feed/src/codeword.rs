//! The signs of the camera's code: two scales of a tile of 30 x 30 cells, half of them for synchronisation, half for the frame.

use crate::SubKey;

/// Cells on a tile's side, at either scale.
pub(crate) const TILE: usize = 30;
/// Signs that one scale of one frame has.
pub(crate) const SIGNS: usize = 450;
/// Bytes that hold one scale's signs.
pub(crate) const SIGN_BYTES: usize = 57;

/// The scale of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Cells of a thirtieth of the frame's shorter side.
    Coarse,
    /// A third of that.
    Fine,
}

impl Layer {
    /// Cell size in coarse cells.
    pub(crate) fn cell(self) -> f64 {
        match self {
            Layer::Coarse => 1.0,
            Layer::Fine => 1.0 / 3.0,
        }
    }
}

/// One draw of signs: 64 bytes for the coarse scale and 64 for the fine, least bit first, 1 for +1.
pub(crate) struct Codeword(pub(crate) [u8; 128]);

impl Codeword {
    /// The signs that are the same in all frames of the trial; they give the geometry and count for nothing.
    pub(crate) fn sync(key: &SubKey) -> Self {
        let mut bytes = [0; 128];
        key.fill("camera-sync", 0, &mut bytes);
        Self(bytes)
    }

    /// The signs that only this frame has.
    pub(crate) fn frame(key: &SubKey, frame: u64) -> Self {
        let mut bytes = [0; 128];
        key.fill("camera-frame", frame, &mut bytes);
        Self(bytes)
    }

    /// Sign `i` (below [`SIGNS`]) of a scale.
    pub(crate) fn sign(&self, layer: Layer, i: usize) -> i8 {
        let base = if layer == Layer::Coarse { 0 } else { 64 };
        if self.0[base + i / 8] >> (i % 8) & 1 == 1 { 1 } else { -1 }
    }
}

/// Whether a cell of the tile holds a synchronisation sign; the others hold the frame's.
pub(crate) fn is_sync(row: usize, col: usize) -> bool {
    (row + col).is_multiple_of(2)
}

/// The synchronisation signs of a tile, row by row, and 0 where the frame's signs are.
pub(crate) fn sync_tile(key: &SubKey, layer: Layer) -> [i8; TILE * TILE] {
    let word = Codeword::sync(key);
    let mut tile = [0; TILE * TILE];
    for (i, cell) in tile.iter_mut().enumerate() {
        if is_sync(i / TILE, i % TILE) {
            *cell = word.sign(layer, i / 2);
        }
    }
    tile
}

/// The whole tile of one frame, row by row.
pub(crate) fn frame_tile(key: &SubKey, layer: Layer, frame: u64) -> [i8; TILE * TILE] {
    let word = Codeword::frame(key, frame);
    let mut tile = sync_tile(key, layer);
    for (i, cell) in tile.iter_mut().enumerate() {
        if !is_sync(i / TILE, i % TILE) {
            *cell = word.sign(layer, i / 2);
        }
    }
    tile
}
