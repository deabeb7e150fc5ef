// SPDX-License-Identifier: Apache-2.0
// Chunked framing: what the lenient library would let pass is refused.
#include "net/http_chunks_priv.h"

#include "net/http_parser_priv.h"
#include "util/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

int http_chunks_test(void);

static const struct {
    const char *why, *bytes;
    bool good;
} cases[] = {
    {"one chunk", "5\r\nhello\r\n0\r\n\r\n", true},
    {"two chunks", "1\r\nh\r\n4\r\nello\r\n0\r\n\r\n", true},
    {"size in capitals with zeros", "00005\r\nhello\r\n000\r\n\r\n", true},
    {"extension", "5;a=\"b\"\r\nhello\r\n0;c\r\n\r\n", true},
    {"trailer", "5\r\nhello\r\n0\r\nT: v\r\nU:\r\n\r\n", true},
    {"CR without LF behind a size", "5\rXhello\r\n0\r\n\r\n", false},
    {"bare LF behind a size", "5\nhello\r\n0\r\n\r\n", false},
    {"data longer than its size", "5\r\nhelloXX0\r\n\r\n", false},
    {"bare LF behind data", "5\r\nhello\n0\r\n\r\n", false},
    {"blank behind a size", "5 \r\nhello\r\n0\r\n\r\n", false},
    {"blank before a size", " 5\r\nhello\r\n0\r\n\r\n", false},
    {"no size", "\r\nhello\r\n0\r\n\r\n", false},
    {"prefix 0x", "0x5\r\nhello\r\n0\r\n\r\n", false},
    {"sign", "+5\r\nhello\r\n0\r\n\r\n", false},
    {"size of 16 digits", "0000000000000005\r\nhello\r\n0\r\n\r\n", false},
    {"bare LF in an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n", false},
    {"bare LF as the last line", "5\r\nhello\r\n0\r\n\n", false},
    {"CR without LF at the end", "5\r\nhello\r\n0\r\n\rX", false},
    {"blank before the colon of a trailer", "5\r\nhello\r\n0\r\nT : x\r\n\r\n", false},
    {"folded trailer", "5\r\nhello\r\n0\r\nT: x\r\n y\r\n\r\n", false},
    {"trailer without a name", "5\r\nhello\r\n0\r\n: x\r\n\r\n", false},
    {"bare LF behind a trailer", "5\r\nhello\r\n0\r\nT: x\n\r\n", false},
};

static void chunked_framing_is_strict(void **state)
{
    (void)state;
    static const char head[] = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (size_t i = 0; i < NJ_COUNT_OF(cases); i++) {
        for (size_t step = 1; step <= 64; step += 63) {
            struct nj_http_framing framing;
            struct nj_buf body;
            size_t length = strlen(cases[i].bytes);
            long used = 0;
            nj_buf_init(&body, 64);
            assert_true(nj_http_framing_begin(&framing, head, sizeof(head) - 1, &body));
            for (size_t at = 0; at < length && used >= 0 && !framing.complete; at += step)
                used = nj_http_framing_feed(&framing, cases[i].bytes + at,
                                            length - at < step ? length - at : step);
            bool good = used >= 0 && framing.complete;
            if (good != cases[i].good)
                fail_msg("%s, %zu bytes at a time", cases[i].why, step);
            if (good)
                assert_string_equal(body.data, "hello");
            nj_buf_finish(&body);
        }
    }
}

int http_chunks_test(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunked_framing_is_strict),
    };
    return cmocka_run_group_tests_name("http_chunks", tests, NULL, NULL);
}
