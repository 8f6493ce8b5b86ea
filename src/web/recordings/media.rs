//! What a player asks for under a viewing: playlists, and pictures by byte range, decrypted as they leave.

use super::outlet::{Outlet, outlet, read};
use super::{archive, look};
use crate::archive::{Archive, Slice, Slices};
use crate::domain::{CameraId, Excerpt, ViewingId};
use crate::store::SegmentId;
use crate::web::answer::{self, Answer};
use crate::web::app::App;
use crate::web::auth::Caller;
use crate::web::problem::Problem;
use crate::web::request::Request;
use bytes::Bytes;
use chrono::DateTime;
use http::StatusCode;
use http::header::{self, HeaderValue};
use m3u8_rs::{ByteRange, Map, MediaPlaylist, MediaPlaylistType, MediaSegment};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::Semaphore;
use warp::Reply;

/// A player fetches so much at once: from the first keyframe after it on, another part begins.
const PART_US: u64 = 4_000_000;
/// Fragments that may wait for a slow reader.
const QUEUE: usize = 2;

/// The footage and the camera a request is about.
fn subject(app: &App, request: &Request, caller: &Caller) -> Result<(Excerpt, CameraId), Problem> {
    let viewing: ViewingId = request.id()?;
    let footage = app.viewings.footage(viewing, caller.person()?, app.context.clock.utc())?;
    let camera: CameraId = request.values.get(1).ok_or_else(Problem::not_found)?.parse()?;
    if footage.cameras.contains(&camera) { Ok((footage, camera)) } else { Err(Problem::not_found()) }
}

/// `GET /api/v1/viewings/{viewing}/{camera}/index.m3u8`.
pub async fn playlist(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let (footage, camera) = subject(app, request, caller)?;
    let slices = look(archive(app)?, move |all| all.slices(&camera, footage.from_utc, footage.until_utc)).await?;
    let mut text = Vec::new();
    write_playlist(&slices).write_to(&mut text).map_err(|error| Problem::internal("a playlist", &error))?;
    Ok(answer::content(StatusCode::OK, "application/vnd.apple.mpegurl", text))
}

fn write_playlist(found: &Slices) -> MediaPlaylist {
    let mut segments: Vec<MediaSegment> = Vec::new();
    for run in &found.runs {
        for (number, slice) in run.slices.iter().enumerate() {
            let uri = format!("media/{}", slice.id.started_at_utc.timestamp_millis());
            let mut at = u64::from(slice.init_length);
            let init = ByteRange { length: at, offset: Some(0) };
            let mut us = PART_US;
            for (place, (_, fragment)) in slice.fragments.iter().enumerate() {
                let length = u64::from(fragment.length);
                if place == 0 || (fragment.keyframe && us >= PART_US) {
                    let is_first = place == 0 && number == 0;
                    segments.push(MediaSegment {
                        uri: uri.clone(),
                        byte_range: Some(ByteRange { length: 0, offset: Some(at) }),
                        discontinuity: is_first && !segments.is_empty(),
                        map: is_first.then(|| Map {
                            uri: uri.clone(),
                            byte_range: Some(init.clone()),
                            ..Map::default()
                        }),
                        program_date_time: (place == 0).then(|| fragment.start_utc().fixed_offset()),
                        ..MediaSegment::default()
                    });
                    us = 0;
                }
                if let Some(part) = segments.last_mut() {
                    part.duration += fragment.duration_us as f32 / 1e6;
                    if let Some(range) = &mut part.byte_range {
                        range.length += length;
                    }
                }
                at += length;
                us += u64::from(fragment.duration_us);
            }
        }
    }
    let longest = segments.iter().map(|part| part.duration.ceil() as u64).max().unwrap_or(1);
    MediaPlaylist {
        version: Some(7),
        target_duration: longest.max(1),
        playlist_type: Some(MediaPlaylistType::Vod),
        independent_segments: true,
        end_list: true,
        segments,
        ..MediaPlaylist::default()
    }
}

/// `GET /api/v1/viewings/{viewing}/{camera}/media/{segment}`: the init section and the fragments of one segment that lie
/// within the viewing, put end to end; any byte range of them.
pub async fn media(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let (footage, camera) = subject(app, request, caller)?;
    let started = request.values.get(2).and_then(|text| text.parse().ok()).and_then(DateTime::from_timestamp_millis);
    let id = SegmentId { camera, started_at_utc: started.ok_or_else(Problem::not_found)? };
    let archive = archive(app)?;
    let slice = look(archive.clone(), move |all| all.slice(&id, footage.from_utc, footage.until_utc)).await?;
    let slice = slice.ok_or_else(Problem::not_found)?;
    let total = slice.bytes();
    let header = |text: String| HeaderValue::from_str(&text).map_err(|error| Problem::internal("a header", &error));
    let (status, wanted) = match request.header(header::RANGE).map(|range| range_of(range, total)) {
        Some(Wanted::Part(part)) => (StatusCode::PARTIAL_CONTENT, part),
        Some(Wanted::Nothing) => {
            let detail = format!("Range: there are {total} bytes");
            let problem = Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "range-not-satisfiable", detail);
            return Err(problem.with(header::CONTENT_RANGE, header(format!("bytes */{total}"))?));
        }
        Some(Wanted::Everything) | None => (StatusCode::OK, 0..total),
    };
    let mut answer = stream(app.reads.clone(), archive, slice, wanted.clone());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("video/mp4"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(wanted.end - wanted.start));
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {}-{}/{total}", wanted.start, wanted.end.saturating_sub(1));
        headers.insert(header::CONTENT_RANGE, header(text)?);
    }
    Ok(answer)
}

/// Decrypts fragment by fragment, as fast as the reader takes them; no thread waits for the reader.
fn stream(reads: Arc<Semaphore>, archive: Archive, slice: Slice, wanted: Range<u64>) -> Answer {
    let (outlet, bytes) = outlet(QUEUE);
    tokio::spawn(async move {
        if let Err(error) = send(&outlet, &reads, archive, slice, wanted).await {
            match error.kind() {
                io::ErrorKind::BrokenPipe | io::ErrorKind::TimedOut => {
                    tracing::debug!(%error, "a playback ended early")
                }
                _ => tracing::error!(%error, "a recording cannot be played"),
            }
            // The answer ends before its announced length: the player sees that it is not whole.
            outlet.fail("the recording cannot be read");
        }
    });
    warp::reply::stream(bytes).into_response()
}

async fn send(
    outlet: &Outlet,
    reads: &Arc<Semaphore>,
    archive: Archive,
    slice: Slice,
    wanted: Range<u64>,
) -> io::Result<()> {
    let parts = slice.parts(&wanted);
    let mut segment = read(reads, move || archive.open_segment(&slice.id)).await?;
    for (number, stretch) in parts {
        let bytes;
        (segment, bytes) = read(reads, move || {
            let bytes = match number {
                None => segment.init()?,
                Some(number) => segment.fragment(number)?,
            };
            Ok((segment, bytes))
        })
        .await?;
        // The slice was laid out from the same authenticated table.
        outlet.send(Bytes::from(bytes).slice(stretch)).await?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Part(Range<u64>),
    Nothing,
    Everything,
}

/// One range of bytes (RFC 9110); several, or another unit, mean everything.
fn range_of(text: &str, total: u64) -> Wanted {
    let Some((from, until)) = text.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Wanted::Everything;
    };
    let part = match (from.parse::<u64>(), until.parse::<u64>()) {
        (Ok(from), Ok(last)) if from <= last => from..last.saturating_add(1).min(total),
        (Ok(from), Err(_)) if until.is_empty() => from..total,
        (Err(_), Ok(length)) if from.is_empty() => total.saturating_sub(length)..total,
        _ => return Wanted::Everything,
    };
    if part.start < part.end { Wanted::Part(part) } else { Wanted::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_players_send_them() {
        for (text, wanted) in [
            ("bytes=0-9", Wanted::Part(0..10)),
            ("bytes=90-", Wanted::Part(90..100)),
            ("bytes=90-500", Wanted::Part(90..100)),
            ("bytes=-5", Wanted::Part(95..100)),
            ("bytes=-500", Wanted::Part(0..100)),
            ("bytes=100-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=9-3", Wanted::Everything),
            ("bytes=0-1,5-6", Wanted::Everything),
            ("bytes=a-b", Wanted::Everything),
            ("lines=1-2", Wanted::Everything),
        ] {
            assert_eq!(range_of(text, 100), wanted, "{text}");
        }
    }
}
