//! Where decoding can start, read from the coded picture itself.
//!
//! GStreamer's delta flag also calls any picture of intra slices a keyframe; encoders put such pictures where the scene
//! changes, and later pictures still refer to what came before them. Only an IDR picture starts a new reader.

use gstreamer as gst;

const IDR_SLICE: u8 = 5;
const LAST_SLICE_TYPE: u8 = 5;

/// Whether an access unit in `avc` form with length fields of `length_bytes` holds an IDR picture. Reads a few bytes
/// per NAL unit, maps and copies no payload.
pub(super) fn is_idr(buffer: &gst::BufferRef, length_bytes: usize) -> bool {
    let mut offset = 0_usize;
    let mut head = [0_u8; 5];
    let head = &mut head[..length_bytes.clamp(1, 4) + 1];
    // The bounds are checked here: `copy_to_slice` panics beyond them, and these lengths come from the network.
    while offset.checked_add(head.len()).is_some_and(|end| end <= buffer.size()) {
        if buffer.copy_to_slice(offset, head).is_err() {
            return false;
        }
        let (length, kind) = head.split_at(head.len() - 1);
        let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        match kind[0] & 0x1f {
            IDR_SLICE => return true,
            // The first slice decides: a picture is IDR as a whole or not at all.
            1..=LAST_SLICE_TYPE => return false,
            _ => offset = offset.saturating_add(head.len() - 1).saturating_add(length),
        }
    }
    false
}

/// Size of the length fields, from the caps' `codec_data` (ISO/IEC 14496-15, `lengthSizeMinusOne`).
pub(super) fn length_bytes(caps: &gst::CapsRef) -> usize {
    let codec_data = caps.structure(0).and_then(|s| s.get::<gst::Buffer>("codec_data").ok());
    let mut byte = [0_u8; 1];
    match codec_data.filter(|data| data.size() > 4).map(|data| data.copy_to_slice(4, &mut byte)) {
        Some(Ok(())) => usize::from(byte[0] & 3) + 1,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(kinds: &[(u8, usize)]) -> gst::Buffer {
        gst::init().unwrap();
        let mut bytes = Vec::new();
        for (kind, size) in kinds {
            bytes.extend(u32::try_from(*size).unwrap().to_be_bytes());
            bytes.push(0x60 | kind);
            bytes.resize(bytes.len() + size - 1, 0);
        }
        gst::Buffer::from_slice(bytes)
    }

    #[test]
    fn the_first_slice_tells() {
        assert!(is_idr(&unit(&[(9, 2), (7, 30), (8, 4), (6, 20), (5, 3_000)]), 4));
        assert!(!is_idr(&unit(&[(9, 2), (7, 30), (8, 4), (1, 3_000)]), 4));
        assert!(!is_idr(&unit(&[(7, 30)]), 4));
        assert!(!is_idr(&unit(&[]), 4));
    }

    #[test]
    fn broken_lengths_end_the_search() {
        gst::init().unwrap();
        for bytes in
            [vec![0xff; 5], vec![0, 0, 0, 0], vec![0; 64], vec![0xff, 0xff, 0xff, 0xff, 7], vec![0, 0, 0, 9, 7, 1]]
        {
            for length_bytes in 0..6 {
                assert!(!is_idr(&gst::Buffer::from_slice(bytes.clone()), length_bytes));
            }
        }
        let short = gst::Caps::builder("video/x-h264").field("codec_data", gst::Buffer::from_slice([1_u8; 3])).build();
        assert_eq!(length_bytes(&short), 4);
    }
}
