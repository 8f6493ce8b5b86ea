// The pages' pure parts: what can be right or wrong without a browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  afterFailure, backoffMs, camerasByMid, cipherVerdict, countdownText, iceServers, isSilent, sdpFragment, secondsText, wallKey,
} from "../../web/static/js/logic.js";

const STRONG = { srtpCipher: "SRTP_AEAD_AES_256_GCM", dtlsCipher: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA" };

test("a6_5 only AES-256 on both sides, on every transport, counts as strong", () => {
  assert.equal(cipherVerdict([STRONG]).verdict, "strong");
  assert.equal(cipherVerdict([STRONG, STRONG]).verdict, "strong");
  for (const weak of [
    { ...STRONG, dtlsCipher: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256" },
    { ...STRONG, srtpCipher: "AES_CM_128_HMAC_SHA1_80" },
    { ...STRONG, srtpCipher: "SRTP_AEAD_AES_128_GCM" },
    { srtpCipher: "AES_CM_128_HMAC_SHA1_80" },
  ]) {
    assert.equal(cipherVerdict([weak]).verdict, "weak", JSON.stringify(weak));
    assert.equal(cipherVerdict([STRONG, weak]).verdict, "weak", JSON.stringify(weak));
  }
});

test("a6_5 what the browser does not say is unknown, never strong", () => {
  assert.equal(cipherVerdict([]).verdict, "unknown");
  assert.equal(cipherVerdict([{}]).verdict, "unknown");
  assert.equal(cipherVerdict([{ srtpCipher: STRONG.srtpCipher }]).verdict, "unknown");
});

test("reconnecting waits longer each time, at most five seconds", () => {
  assert.deepEqual([0, 1, 2, 3, 4, 5, 9, 1e6].map(backoffMs), [250, 500, 1000, 2000, 4000, 5000, 5000, 5000]);
});

test("a refusal ends the knocking, a fault does not", () => {
  for (const status of [0, 408, 429, 500, 502, 503]) assert.equal(afterFailure(status, ""), "retry", String(status));
  for (const status of [400, 403, 404, 409, 410, 415, 422]) assert.equal(afterFailure(status, "ticket-over"), "final", String(status));
  assert.equal(afterFailure(401, ""), "login");
  assert.equal(afterFailure(409, "already-watching"), "elsewhere");
});

const ANSWER = [
  "v=0", "a=group:BUNDLE 0 1 2",
  "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:0", "a=msid:parking parking-video",
  "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:1", "a=msid:hall hall-video",
  "m=video 9 UDP/TLS/RTP/SAVPF 96", "a=mid:2", "a=msid:- x", "",
].join("\r\n");

test("the answer tells which camera is on which m-line, else the order does", () => {
  assert.deepEqual([...camerasByMid(ANSWER, ["hall", "parking", "bikes"])], [["0", "parking"], ["1", "hall"], ["2", "bikes"]]);
  assert.deepEqual([...camerasByMid(ANSWER, ["hall"])], [["0", "hall"], ["1", "hall"]]);
  assert.deepEqual([...camerasByMid("", ["hall"])], []);
});

test("ICE servers are read from the Link header and nothing else is", () => {
  assert.deepEqual(iceServers(null), []);
  assert.deepEqual(iceServers('<https://example.org>; rel="next"'), []);
  assert.deepEqual(
    iceServers('<stun:stun.example.org>; rel="ice-server", <turn:t.example.org?transport=tcp>; rel="ice-server"; username="u"; credential="p,q"; credential-type="password"'),
    [{ urls: "stun:stun.example.org" }, { urls: "turn:t.example.org?transport=tcp", username: "u", credential: "p,q" }],
  );
});

test("a fragment carries the credentials of its own offer, the candidates by m-line, and the end", () => {
  const offer = "v=0\r\nm=video 9 X\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\na=mid:0\r\n";
  const text = sdpFragment(offer, [{ candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host", sdpMid: "0" }], true);
  assert.equal(text, "a=ice-ufrag:abcd\r\na=ice-pwd:secret\r\nm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n");
  assert.doesNotMatch(sdpFragment(offer, [{ candidate: "candidate:1", sdpMid: "0" }], false), /end-of-candidates/);
  assert.match(sdpFragment(offer, [], true), /a=mid:0\r\na=end-of-candidates/);
});

test("keys enlarge, move on and return", () => {
  assert.equal(wallKey("3", null, 4, 2), 2);
  assert.equal(wallKey("3", 2, 4, 2), null);
  assert.equal(wallKey("9", null, 4, 2), undefined);
  assert.equal(wallKey("ArrowRight", null, 4, 2), 0);
  assert.equal(wallKey("ArrowLeft", null, 4, 2), 3);
  assert.equal(wallKey("ArrowRight", 3, 4, 2), 0);
  assert.equal(wallKey("ArrowUp", 0, 4, 2), 3);
  assert.equal(wallKey("Escape", 2, 4, 2), null);
  assert.equal(wallKey("Escape", null, 4, 2), undefined);
  assert.equal(wallKey("x", 2, 4, 2), undefined);
  assert.equal(wallKey("ArrowRight", null, 0, 1), undefined);
});

test("time left reads as a clock and never below zero", () => {
  assert.equal(countdownText(7_200_000), "2:00:00");
  assert.equal(countdownText(7_199_001), "2:00:00");
  assert.equal(countdownText(899_000), "14:59");
  assert.equal(countdownText(-5), "0:00");
});

test("fault_16 the age of a picture is said in seconds of its language", () => {
  assert.equal(secondsText(2540, "fr"), "2,5\u202fs");
  assert.equal(secondsText(40, "en"), "0.0\u202fs");
  assert.equal(secondsText(-3, "en"), "0.0\u202fs");
});

test("a line is dead after two missed heartbeats, not before", () => {
  assert.equal(isSilent(16_000, 15_000), false);
  assert.equal(isSilent(34_000, 15_000), false);
  assert.equal(isSilent(36_000, 15_000), true);
});
