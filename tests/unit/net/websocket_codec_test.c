// SPDX-License-Identifier: Apache-2.0
// RFC 6455 cases: what a client may send, what it must not, and the close code of each mistake.
#include "net/websocket_codec_priv.h"

#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int websocket_codec_test(void);

enum { LIMIT = 70000, LOG_SIZE = 2048 };

// One frame as a client would send it.
struct f {
    int first;        // FIN, RSV and opcode byte
    const char *text; // payload, repeated `times` times
    int times;        // 0: once
    int length_form;  // 0: shortest, else 2 or 8 bytes of extended length
    bool bare;        // without a mask
    int size;         // of `text` when it holds a NUL; 0: strlen
};

struct log {
    char text[LOG_SIZE];
};

static void note(struct log *log, const char *what, const char *bytes, size_t length)
{
    size_t used = strlen(log->text);
    if (length > 40) // long payloads by their length
        snprintf(log->text + used, LOG_SIZE - used, "%s<%zu> ", what, length);
    else
        snprintf(log->text + used, LOG_SIZE - used, "%s(%.*s) ", what, (int)length, bytes);
}

static void on_message(void *arg, const char *text, size_t length)
{
    note(arg, "text", text, length);
}

static void on_control(void *arg, enum nj_websocket_opcode opcode, const char *bytes, size_t length)
{
    note(arg, opcode == NJ_WEBSOCKET_PING ? "ping" : "pong", bytes, length);
}

static void on_close(void *arg, int code)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", code);
    note(arg, "close", text, strlen(text));
}

static size_t put_length(char *out, const struct f *frame, size_t length)
{
    size_t form = (size_t)frame->length_form;
    if (!form)
        form = length < 126 ? 0 : length < 65536 ? 2 : 8;
    int mask = frame->bare ? 0 : 0x80;
    out[0] = (char)(mask | (form == 0 ? (int)length : form == 2 ? 126 : 127));
    for (size_t i = 0; i < form; i++)
        out[1 + i] = (char)((uint64_t)length >> (8 * (form - 1 - i)));
    return 1 + form;
}

static void put_frame(struct nj_buf *out, const struct f *frame)
{
    static const char mask[4] = {0x37, (char)0xfa, 0x21, 0x3d}; // of RFC 6455 section 5.7
    size_t size = frame->size ? (size_t)frame->size : strlen(frame->text);
    size_t times = frame->times ? (size_t)frame->times : 1;
    char header[16];
    header[0] = (char)frame->first;
    size_t used = 1 + put_length(header + 1, frame, size * times);
    nj_buf_append(out, header, used);
    if (!frame->bare)
        nj_buf_append(out, mask, 4);
    for (size_t i = 0; i < size * times; i++)
        nj_buf_append_char(out, (char)(frame->text[i % size] ^ (frame->bare ? 0 : mask[i & 3])));
}

// Feeds `step` bytes at a time; returns the codec's verdict.
static int feed(const struct nj_buf *bytes, size_t step, struct log *log)
{
    struct nj_websocket_codec codec;
    const struct nj_websocket_codec_calls calls = {on_message, on_control, on_close, log};
    int code = 0;
    log->text[0] = '\0';
    nj_websocket_codec_init(&codec, LIMIT);
    for (size_t at = 0; at < bytes->length && !code; at += step) {
        size_t count = bytes->length - at < step ? bytes->length - at : step;
        char *exact = malloc(count); // so that a sanitizer sees a read behind the end
        memcpy(exact, bytes->data + at, count);
        code = nj_websocket_codec_feed(&codec, exact, count, &calls);
        free(exact);
    }
    nj_websocket_codec_finish(&codec);
    return code;
}

struct codec_case {
    const char *why;
    struct f frames[6];
    const char *seen;
    int code;
};

#define TEXT  0x81
#define PING  0x89
#define PONG  0x8a
#define CLOSE 0x88
#define MU    "\xce\xbc"

#define F(first_, text_)                                                                           \
    {                                                                                              \
        first_, text_, 0, 0, false, 0                                                              \
    }
#define N(first_, text_, times_)                                                                   \
    {                                                                                              \
        first_, text_, times_, 0, false, 0                                                         \
    }

static const struct codec_case cases[] = {
    // Text and its length forms (5.2, 5.6)
    {"short text", {F(TEXT, "Hello")}, "text(Hello) ", 0},
    {"empty text", {F(TEXT, "")}, "text() ", 0},
    {"text of 125", {N(TEXT, "a", 125)}, "text<125> ", 0},
    {"text of 126", {N(TEXT, "a", 126)}, "text<126> ", 0},
    {"text of 127", {N(TEXT, "a", 127)}, "text<127> ", 0},
    {"text of 128", {N(TEXT, "a", 128)}, "text<128> ", 0},
    {"text of 65535", {N(TEXT, "a", 65535)}, "text<65535> ", 0},
    {"text of 65536", {N(TEXT, "a", 65536)}, "text<65536> ", 0},
    {"text at the limit", {N(TEXT, "a", LIMIT)}, "text<70000> ", 0},
    {"text beyond the limit", {N(TEXT, "a", LIMIT + 1)}, "", 1009},
    {"two texts", {F(TEXT, "a"), F(TEXT, "b")}, "text(a) text(b) ", 0},
    {"length in 2 bytes that fits 7 bits", {{TEXT, "a", 0, 2, false, 0}}, "", 1002},
    {"length in 8 bytes that fits 7 bits", {{TEXT, "a", 0, 8, false, 0}}, "", 1002},
    {"length in 8 bytes that fits 16 bits", {{TEXT, "a", 65535, 8, false, 0}}, "", 1002},
    {"length 125 in 2 bytes", {{TEXT, "a", 125, 2, false, 0}}, "", 1002},
    {"text with a NUL", {{TEXT, "a\0b", 0, 0, false, 3}}, "text(a) ", 0},
    // Binary (refused here), mask, reserved bits, reserved opcodes
    {"binary", {F(0x82, "a")}, "", 1003},
    {"empty binary", {F(0x82, "")}, "", 1003},
    {"binary fragment", {F(0x02, "a")}, "", 1003},
    {"binary after text", {F(TEXT, "a"), F(0x82, "b")}, "text(a) ", 1003},
    {"without a mask", {{TEXT, "a", 0, 0, true, 0}}, "", 1002},
    {"ping without a mask", {{PING, "a", 0, 0, true, 0}}, "", 1002},
    {"empty frame without a mask", {{TEXT, "", 0, 0, true, 0}}, "", 1002},
    {"RSV1 without an extension", {F(0xc1, "a")}, "", 1002},
    {"RSV2", {F(0xa1, "a")}, "", 1002},
    {"RSV3", {F(0x91, "a")}, "", 1002},
    {"RSV1 and RSV2", {F(0xe1, "a")}, "", 1002},
    {"all reserved bits", {F(0xf1, "a")}, "", 1002},
    {"reserved bit in a ping", {F(0xc9, "a")}, "", 1002},
    {"reserved bit in a close", {F(0xc8, "")}, "", 1002},
    {"RSV after a good text", {F(TEXT, "a"), F(0xc1, "b")}, "text(a) ", 1002},
    {"opcode 3", {F(0x83, "a")}, "", 1002},
    {"opcode 4", {F(0x84, "a")}, "", 1002},
    {"opcode 5", {F(0x85, "")}, "", 1002},
    {"opcode 6", {F(0x86, "a")}, "", 1002},
    {"opcode 7", {F(0x87, "a")}, "", 1002},
    {"opcode 11", {F(0x8b, "a")}, "", 1002},
    {"opcode 12", {F(0x8c, "a")}, "", 1002},
    {"opcode 13", {F(0x8d, "")}, "", 1002},
    {"opcode 14", {F(0x8e, "a")}, "", 1002},
    {"opcode 15", {F(0x8f, "a")}, "", 1002},
    {"opcode 3 after a good text", {F(TEXT, "a"), F(0x83, "b")}, "text(a) ", 1002},
    // Control frames (5.5)
    {"ping", {F(PING, "")}, "ping() ", 0},
    {"ping with data", {F(PING, "Hello")}, "ping(Hello) ", 0},
    {"ping of 125", {N(PING, "a", 125)}, "ping<125> ", 0},
    {"ping of 126", {N(PING, "a", 126)}, "", 1002},
    {"ping with bytes that are no text", {F(PING, "\xff\xfe")}, "ping(\xff\xfe) ", 0},
    {"ping in a fragment", {F(0x09, "a")}, "", 1002},
    {"pong nobody asked for", {F(PONG, "x")}, "pong(x) ", 0},
    {"pong of 126", {N(PONG, "a", 126)}, "", 1002},
    {"pong in a fragment", {F(0x0a, "a")}, "", 1002},
    {"close in a fragment", {F(0x08, "")}, "", 1002},
    {"three pings", {F(PING, "1"), F(PING, "2"), F(PING, "3")}, "ping(1) ping(2) ping(3) ", 0},
    {"ping, text, ping", {F(PING, "1"), F(TEXT, "t"), F(PING, "2")}, "ping(1) text(t) ping(2) ", 0},
    // Fragments (5.4)
    {"two fragments", {F(0x01, "Hel"), F(0x80, "lo")}, "text(Hello) ", 0},
    {"three fragments", {F(0x01, "a"), F(0x00, "b"), F(0x80, "c")}, "text(abc) ", 0},
    {"empty fragments", {F(0x01, ""), F(0x00, ""), F(0x80, "")}, "text() ", 0},
    {"empty fragment in the middle", {F(0x01, "a"), F(0x00, ""), F(0x80, "b")}, "text(ab) ", 0},
    {"ping between fragments", {F(0x01, "a"), F(PING, "p"), F(0x80, "b")}, "ping(p) text(ab) ", 0},
    {"pong between fragments", {F(0x01, "a"), F(PONG, "p"), F(0x80, "b")}, "pong(p) text(ab) ", 0},
    {"continuation of nothing", {F(0x80, "a")}, "", 1002},
    {"continuation of nothing, not final", {F(0x00, "a")}, "", 1002},
    {"continuation after a whole text", {F(TEXT, "a"), F(0x80, "b")}, "text(a) ", 1002},
    {"text within a fragmented text", {F(0x01, "a"), F(TEXT, "b")}, "", 1002},
    {"fragment within a fragmented text", {F(0x01, "a"), F(0x01, "b")}, "", 1002},
    {"binary within a fragmented text", {F(0x01, "a"), F(0x82, "b")}, "", 1002},
    {"fragments together beyond the limit",
     {N(0x01, "a", 40000), N(0x00, "a", 30000), F(0x80, "a")},
     "",
     1009},
    {"fragments together at the limit",
     {N(0x01, "a", 40000), N(0x80, "a", 30000)},
     "text<70000> ",
     0},
    {"message after a fragmented one",
     {F(0x01, "a"), F(0x80, "b"), F(TEXT, "c")},
     "text(ab) text(c) ",
     0},
    {"close within a fragmented text", {F(0x01, "a"), F(CLOSE, "")}, "close(1005) ", 0},
    // UTF-8 (8.1)
    {"two-byte character", {F(TEXT, MU)}, "text(" MU ") ", 0},
    {"first and last of each length",
     {F(TEXT, "\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")},
     "text(\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf) ",
     0},
    {"character over two fragments", {F(0x01, "\xce"), F(0x80, "\xbc")}, "text(" MU ") ", 0},
    {"character over three fragments with a ping",
     {F(0x01, "\xe2"), F(PING, ""), F(0x00, "\x82"), F(0x80, "\xac")},
     "ping() text(\xe2\x82\xac) ",
     0},
    {"lone continuation byte", {F(TEXT, "\x80")}, "", 1007},
    {"lone lead byte", {F(TEXT, "\xce")}, "", 1007},
    {"cut character at the end of a fragmented text",
     {F(0x01, "a\xe2"), F(0x80, "\x82")},
     "",
     1007},
    {"bad byte in the first fragment, before the last comes", {F(0x01, "\xff")}, "", 1007},
    {"overlong slash", {F(TEXT, "\xc0\xaf")}, "", 1007},
    {"overlong in three bytes", {F(TEXT, "\xe0\x80\xaf")}, "", 1007},
    {"overlong in four bytes", {F(TEXT, "\xf0\x80\x80\xaf")}, "", 1007},
    {"first surrogate", {F(TEXT, "\xed\xa0\x80")}, "", 1007},
    {"last surrogate", {F(TEXT, "\xed\xbf\xbf")}, "", 1007},
    {"before the surrogates", {F(TEXT, "\xed\x9f\xbf")}, "text(\xed\x9f\xbf) ", 0},
    {"after the surrogates", {F(TEXT, "\xee\x80\x80")}, "text(\xee\x80\x80) ", 0},
    {"beyond U+10FFFF", {F(TEXT, "\xf4\x90\x80\x80")}, "", 1007},
    {"five-byte form", {F(TEXT, "\xf8\x88\x80\x80\x80")}, "", 1007},
    {"byte FE", {F(TEXT, "\xfe")}, "", 1007},
    {"lead followed by a lead", {F(TEXT, "\xce\xce\xbc")}, "", 1007},
    {"good text before a bad byte", {F(TEXT, MU "\xff")}, "", 1007},
    // Close (5.5.1, 7.4)
    {"close without a code", {F(CLOSE, "")}, "close(1005) ", 0},
    {"close with one byte", {F(CLOSE, "\x03")}, "", 1002},
    {"close 1000", {F(CLOSE, "\x03\xe8")}, "close(1000) ", 0},
    {"close with a reason",
     {F(CLOSE, "\x03\xe8"
               "bye")},
     "close(1000) ",
     0},
    {"close with the longest reason",
     {F(CLOSE, "\x03\xe8"
               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")},
     "close(1000) ",
     0},
    {"close of 126", {N(CLOSE, "\x03\xe8", 63)}, "", 1002},
    {"close with a reason that is no text", {F(CLOSE, "\x03\xe8\xff")}, "", 1007},
    {"close with a cut reason", {F(CLOSE, "\x03\xe8\xe2\x82")}, "", 1007},
    {"text after a close is not read", {F(CLOSE, "\x03\xe8"), F(TEXT, "a")}, "close(1000) ", 0},
    {"ping after a close is not read", {F(CLOSE, "\x03\xe8"), F(PING, "a")}, "close(1000) ", 0},
    {"second close is not read", {F(CLOSE, "\x03\xe8"), F(CLOSE, "")}, "close(1000) ", 0},
};

static void rfc_6455_cases_have_their_outcome(void **state)
{
    (void)state;
    static const size_t steps[] = {1 << 20, 1, 2, 3, 7, 4096};
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        struct nj_buf bytes;
        nj_buf_init(&bytes, 1 << 20);
        for (size_t j = 0; j < 6 && cases[i].frames[j].text; j++)
            put_frame(&bytes, &cases[i].frames[j]);
        for (size_t j = 0; j < NJ_COUNT_OF(steps); j++) {
            struct log log;
            int code = feed(&bytes, steps[j], &log);
            if (code != cases[i].code || strcmp(log.text, cases[i].seen) != 0)
                fail_msg("%s, %zu bytes at a time: code %d instead of %d, saw \"%s\"", cases[i].why,
                         steps[j], code, cases[i].code, log.text);
        }
        nj_buf_finish(&bytes);
    }
}

static void close_codes_are_those_of_the_registry(void **state)
{
    (void)state;
    static const int good[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010,
                               1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999};
    static const int bad[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535};
    for (size_t i = 0; i < NJ_COUNT_OF(good) + NJ_COUNT_OF(bad); i++) {
        bool valid = i < NJ_COUNT_OF(good);
        int code = valid ? good[i] : bad[i - NJ_COUNT_OF(good)];
        char payload[2] = {(char)(code >> 8), (char)(code & 0xff)};
        struct f frame = {.first = CLOSE, .text = payload, .size = 2};
        struct nj_buf bytes;
        struct log log;
        nj_buf_init(&bytes, 64);
        put_frame(&bytes, &frame);
        assert_int_equal(feed(&bytes, 64, &log), valid ? 0 : 1002);
        nj_buf_finish(&bytes);
    }
}

// The longest lengths that the format can say, never allocated.
static void huge_lengths_are_refused_by_their_header(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        int code;
    } huge[] = {
        {"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 1009},
        {"\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00\0\0\0\0", 1002},
        {"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 1002},
        {"\x89\xff\x00\x00\x00\x00\x00\x01\x00\x00\0\0\0\0", 1002},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(huge); i++) {
        struct nj_buf bytes;
        struct log log;
        nj_buf_init(&bytes, 64);
        nj_buf_append(&bytes, huge[i].header, 14);
        assert_int_equal(feed(&bytes, 64, &log), huge[i].code);
        nj_buf_finish(&bytes);
    }
}

// The masked "Hello" and the 256-byte header of RFC 6455 section 5.7.
static void frames_of_section_5_7_are_understood_and_made(void **state)
{
    (void)state;
    struct nj_buf bytes;
    struct log log;
    nj_buf_init(&bytes, 64);
    nj_buf_append(&bytes, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    assert_int_equal(feed(&bytes, 64, &log), 0);
    assert_string_equal(log.text, "text(Hello) ");
    nj_buf_finish(&bytes);
    uint8_t out[NJ_WEBSOCKET_HEADER_MAX_BYTES];
    assert_int_equal(nj_websocket_frame_header(out, NJ_WEBSOCKET_TEXT, 5), 2);
    assert_memory_equal(out, "\x81\x05", 2);
    assert_int_equal(nj_websocket_frame_header(out, NJ_WEBSOCKET_BINARY, 256), 4);
    assert_memory_equal(out, "\x82\x7e\x01\x00", 4);
    assert_int_equal(nj_websocket_frame_header(out, NJ_WEBSOCKET_BINARY, 65536), 10);
    assert_memory_equal(out, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
    assert_int_equal(nj_websocket_frame_header(out, NJ_WEBSOCKET_TEXT, 125), 2);
    assert_int_equal(nj_websocket_frame_header(out, NJ_WEBSOCKET_TEXT, 126), 4);
    assert_int_equal(nj_websocket_frame_header(out, NJ_WEBSOCKET_TEXT, 65535), 4);
}

int websocket_codec_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_6455_cases_have_their_outcome),
        cmocka_unit_test(close_codes_are_those_of_the_registry),
        cmocka_unit_test(huge_lengths_are_refused_by_their_header),
        cmocka_unit_test(frames_of_section_5_7_are_understood_and_made),
    };
    return cmocka_run_group_tests_name("websocket_codec", tests, NULL, NULL);
}
