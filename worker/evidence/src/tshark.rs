//! Captures from elsewhere: their HTTP objects, by a local `tshark`.
