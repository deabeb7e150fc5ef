// SPDX-License-Identifier: Apache-2.0
// The WebSocket codec: the verdict does not depend on how the bytes arrive, and every message is
// UTF-8 within its limit. The first byte is the size of the pieces.
#include "net/websocket_codec_priv.h"
#include "util/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE_MAX = 2048 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t messages, controls, bytes;
    int close;
};

static void check(int holds)
{
    if (!holds)
        abort();
}

static void on_message(void *arg, const char *text, size_t length)
{
    struct seen *seen = arg;
    check(length <= MESSAGE_MAX && nj_utf8_valid(text, length));
    seen->messages++;
    seen->bytes += length;
}

static void on_control(void *arg, enum nj_websocket_opcode opcode, const char *bytes, size_t length)
{
    struct seen *seen = arg;
    (void)bytes;
    check(length <= NJ_WEBSOCKET_CONTROL_MAX_BYTES);
    check(opcode == NJ_WEBSOCKET_PING || opcode == NJ_WEBSOCKET_PONG);
    seen->controls++;
}

static void on_close(void *arg, int code)
{
    struct seen *seen = arg;
    check(seen->close == 0);
    check(code == NJ_WEBSOCKET_NO_CODE || nj_websocket_code_valid(code));
    seen->close = code;
}

static int feed(const char *bytes, size_t length, size_t step, struct seen *seen)
{
    struct nj_websocket_codec codec;
    const struct nj_websocket_codec_calls calls = {on_message, on_control, on_close, seen};
    int code = 0;
    nj_websocket_codec_init(&codec, MESSAGE_MAX);
    for (size_t at = 0; at < length && !code; at += step)
        code = nj_websocket_codec_feed(&codec, bytes + at, length - at < step ? length - at : step,
                                       &calls);
    nj_websocket_codec_finish(&codec);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole, pieces;
    if (size < 2)
        return 0;
    memset(&whole, 0, sizeof(whole));
    memset(&pieces, 0, sizeof(pieces));
    const char *bytes = (const char *)data + 1;
    int code = feed(bytes, size - 1, size, &whole);
    check(code == feed(bytes, size - 1, (size_t)data[0] % 16 + 1, &pieces));
    check(memcmp(&whole, &pieces, sizeof(whole)) == 0);
    return 0;
}
