// SPDX-License-Identifier: Apache-2.0
// The server's half of RFC 6455 framing.
#include "net/websocket_codec_priv.h"

#include "util/error.h"

#include <string.h>

enum {
    NJ_CODEC_BLOCK_BYTES = 4096, // unmasked at a time, on the stack
    NJ_CODEC_MASK_BYTES = 4,
};

// Ranges of the second byte after Unicode's table of well-formed sequences.
static bool utf8_lead(struct nj_utf8_stream *utf8, uint8_t c)
{
    utf8->low = 0x80;
    utf8->high = 0xbf;
    if (c < 0x80)
        return true;
    if (c < 0xc2 || c > 0xf4)
        return false;
    utf8->need = (uint8_t)(c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3);
    if (c == 0xe0)
        utf8->low = 0xa0; // no overlong forms
    else if (c == 0xed)
        utf8->high = 0x9f; // no surrogates
    else if (c == 0xf0)
        utf8->low = 0x90;
    else if (c == 0xf4)
        utf8->high = 0x8f; // nothing beyond U+10FFFF
    return true;
}

static bool feed_utf8(struct nj_utf8_stream *utf8, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < length; i++) {
        if (utf8->need == 0) {
            if (!utf8_lead(utf8, at[i]))
                return false;
            continue;
        }
        if (at[i] < utf8->low || at[i] > utf8->high)
            return false;
        utf8->need--;
        utf8->low = 0x80;
        utf8->high = 0xbf;
    }
    return true;
}

void nj_websocket_codec_init(struct nj_websocket_codec *codec, size_t max_message_bytes)
{
    memset(codec, 0, sizeof(*codec));
    codec->want = 2;
    nj_buf_init(&codec->message, max_message_bytes);
}

void nj_websocket_codec_finish(struct nj_websocket_codec *codec)
{
    nj_buf_finish(&codec->message);
}

static enum nj_websocket_opcode opcode_of(const struct nj_websocket_codec *codec)
{
    return codec->header[0] & 0x0f;
}

static bool is_final(const struct nj_websocket_codec *codec)
{
    return (codec->header[0] & 0x80) != 0;
}

static bool is_control(const struct nj_websocket_codec *codec)
{
    return (codec->header[0] & 0x08) != 0;
}

static bool is_known(enum nj_websocket_opcode opcode)
{
    return opcode <= NJ_WEBSOCKET_BINARY ||
           (opcode >= NJ_WEBSOCKET_CLOSE && opcode <= NJ_WEBSOCKET_PONG);
}

// What the first two bytes decide.
static int check_start(struct nj_websocket_codec *codec)
{
    enum nj_websocket_opcode opcode = opcode_of(codec);
    uint8_t short_length = codec->header[1] & 0x7f;
    bool masked = (codec->header[1] & 0x80) != 0;
    bool reserved_bits = (codec->header[0] & 0x70) != 0;
    if (reserved_bits || !masked || !is_known(opcode))
        return NJ_WEBSOCKET_PROTOCOL_ERROR;
    if (is_control(codec)) {
        if (!is_final(codec) || short_length > NJ_WEBSOCKET_CONTROL_MAX_BYTES)
            return NJ_WEBSOCKET_PROTOCOL_ERROR;
    } else if (codec->fragmented != (opcode == NJ_WEBSOCKET_CONTINUATION)) {
        return NJ_WEBSOCKET_PROTOCOL_ERROR;
    } else if (opcode == NJ_WEBSOCKET_BINARY && !codec->binary_as_text) {
        return NJ_WEBSOCKET_UNSUPPORTED;
    }
    size_t extended = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
    codec->want = (uint8_t)(2 + extended + NJ_CODEC_MASK_BYTES);
    return 0;
}

// The header is whole: the payload's length, in its shortest form and within the limit.
static int begin_payload(struct nj_websocket_codec *codec)
{
    uint64_t length = codec->header[1] & 0x7f;
    size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (extended) {
        length = 0;
        for (size_t i = 0; i < extended; i++)
            length = length << 8 | codec->header[2 + i];
        bool shorter_form = extended == 2 ? length < 126 : length < 65536;
        if (shorter_form || length >> 63)
            return NJ_WEBSOCKET_PROTOCOL_ERROR;
    }
    bool fits = length <= codec->message.limit - codec->message.length;
    if (!is_control(codec) && !fits)
        return NJ_WEBSOCKET_TOO_BIG;
    codec->length = length;
    codec->position = 0;
    codec->control_length = 0;
    codec->in_payload = true;
    return 0;
}

static int take_header(struct nj_websocket_codec *codec, const char **bytes, size_t *length)
{
    size_t count = (size_t)(codec->want - codec->have);
    if (count > *length)
        count = *length;
    memcpy(codec->header + codec->have, *bytes, count);
    codec->have = (uint8_t)(codec->have + count);
    *bytes += count;
    *length -= count;
    if (codec->have < codec->want)
        return 0;
    return codec->have == 2 ? check_start(codec) : begin_payload(codec);
}

static int store_payload(struct nj_websocket_codec *codec, const uint8_t *block, size_t length)
{
    if (is_control(codec)) {
        memcpy(codec->control + codec->control_length, block, length);
        codec->control_length = (uint8_t)(codec->control_length + length);
        return 0;
    }
    if (!feed_utf8(&codec->utf8, block, length))
        return NJ_WEBSOCKET_BAD_TEXT; // known before the message is whole
    nj_buf_append(&codec->message, block, length);
    if (!nj_buf_failed(&codec->message))
        return 0;
    return nj_buf_failed(&codec->message) == NJ_E_TOO_BIG ? NJ_WEBSOCKET_TOO_BIG
                                                          : NJ_WEBSOCKET_INTERNAL;
}

static int take_payload(struct nj_websocket_codec *codec, const char **bytes, size_t *length)
{
    uint8_t block[NJ_CODEC_BLOCK_BYTES];
    const uint8_t *mask = codec->header + codec->want - NJ_CODEC_MASK_BYTES;
    size_t count = sizeof(block);
    if (count > *length)
        count = *length;
    if (count > codec->length - codec->position)
        count = (size_t)(codec->length - codec->position);
    for (size_t i = 0; i < count; i++)
        block[i] = (uint8_t)(*bytes)[i] ^ mask[(codec->position + i) & 3];
    codec->position += count;
    *bytes += count;
    *length -= count;
    return store_payload(codec, block, count);
}

bool nj_websocket_code_valid(int code)
{
    if (code >= 3000 && code <= 4999)
        return true;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

static int take_close(struct nj_websocket_codec *codec,
                      const struct nj_websocket_codec_calls *calls)
{
    int code = NJ_WEBSOCKET_NO_CODE;
    if (codec->control_length == 1)
        return NJ_WEBSOCKET_PROTOCOL_ERROR;
    if (codec->control_length > 1) {
        struct nj_utf8_stream reason = {0};
        code = codec->control[0] << 8 | codec->control[1];
        if (!nj_websocket_code_valid(code))
            return NJ_WEBSOCKET_PROTOCOL_ERROR;
        if (!feed_utf8(&reason, codec->control + 2, codec->control_length - 2u) || reason.need)
            return NJ_WEBSOCKET_BAD_TEXT;
    }
    codec->ended = true;
    calls->close(calls->arg, code);
    return 0;
}

static int end_frame(struct nj_websocket_codec *codec, const struct nj_websocket_codec_calls *calls)
{
    codec->have = 0;
    codec->want = 2;
    codec->in_payload = false;
    if (opcode_of(codec) == NJ_WEBSOCKET_CLOSE)
        return take_close(codec, calls);
    if (is_control(codec)) {
        calls->control(calls->arg, opcode_of(codec), (const char *)codec->control,
                       codec->control_length);
        return 0;
    }
    codec->fragmented = !is_final(codec);
    if (codec->fragmented)
        return 0;
    if (codec->utf8.need)
        return NJ_WEBSOCKET_BAD_TEXT; // it ends within a character
    const char *text = codec->message.data ? codec->message.data : "";
    calls->message(calls->arg, text, codec->message.length);
    size_t limit = codec->message.limit;
    nj_buf_finish(&codec->message); // thousands of quiet clients hold no buffer
    nj_buf_init(&codec->message, limit);
    return 0;
}

int nj_websocket_codec_feed(struct nj_websocket_codec *codec, const char *bytes, size_t length,
                            const struct nj_websocket_codec_calls *calls)
{
    while (length > 0 && !codec->ended) {
        int code = codec->in_payload ? take_payload(codec, &bytes, &length)
                                     : take_header(codec, &bytes, &length);
        if (!code && codec->in_payload && codec->position == codec->length)
            code = end_frame(codec, calls);
        if (code) {
            codec->ended = true;
            return code;
        }
    }
    return 0;
}

size_t nj_websocket_frame_header(uint8_t out[NJ_WEBSOCKET_HEADER_MAX_BYTES],
                                 enum nj_websocket_opcode opcode, size_t length)
{
    out[0] = (uint8_t)(0x80 | opcode);
    if (length < 126) {
        out[1] = (uint8_t)length;
        return 2;
    }
    size_t extended = length < 65536 ? 2 : 8;
    out[1] = extended == 2 ? 126 : 127;
    for (size_t i = 0; i < extended; i++)
        out[2 + i] = (uint8_t)((uint64_t)length >> (8 * (extended - 1 - i)));
    return 2 + extended;
}
