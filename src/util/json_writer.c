// SPDX-License-Identifier: Apache-2.0
// Append-only JSON writer. On the hot path: texts that need no escaping and numbers with few
// decimals are copied without going through printf.
#include "util/json_writer.h"

#include "util/error.h"
#include "util/text.h"
#include "util/utf8_priv.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NJ_JSON_DECIMALS_QUICK = 6, // decimals that are tried before printf
    NJ_JSON_DIGITS_EXACT = 15,  // so many decimal digits are told apart by every double
    NJ_JSON_NUMBER_SIZE = 40,
};

static const double exact_bound = 1e15; // 10 to the power of NJ_JSON_DIGITS_EXACT
static const int64_t powers[] = {1,      10,      100,      1000,      10000,
                                 100000, 1000000, 10000000, 100000000, 1000000000};

void nj_json_init(struct nj_json_writer *writer, struct nj_buf *buf)
{
    *writer = (struct nj_json_writer){.buf = buf};
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void put_escape(struct nj_buf *buf, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char to[] = "\"\\bfnrt";
    const char *found = c ? strchr(from, c) : NULL;
    if (found) {
        nj_buf_append_char(buf, '\\');
        nj_buf_append_char(buf, to[found - from]);
    } else {
        nj_buf_printf(buf, "\\u%04x", c);
    }
}

// The rest of a text from its first byte that is not plain ASCII.
static void put_special(struct nj_buf *buf, const unsigned char *at, size_t left)
{
    while (left) {
        size_t run = 0;
        while (run < left && is_plain(at[run]))
            run++;
        nj_buf_append(buf, at, run);
        at += run;
        left -= run;
        if (!left)
            break;
        size_t step = nj_utf8_step(at, left);
        if (step == 0)
            nj_buf_append(buf, "\xef\xbf\xbd", 3); // U+FFFD
        else if (step == 1)
            put_escape(buf, *at);
        else
            nj_buf_append(buf, at, step);
        at += step ? step : 1;
        left -= step ? step : 1;
    }
}

static void put_text(struct nj_buf *buf, const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t plain = 0;
    while (plain < length && is_plain(bytes[plain]))
        plain++;
    char *room = nj_buf_room(buf, plain + 2);
    if (!room)
        return;
    room[0] = '"';
    if (plain)
        memcpy(room + 1, text, plain);
    if (plain == length) {
        room[plain + 1] = '"';
        nj_buf_commit(buf, plain + 2);
        return;
    }
    nj_buf_commit(buf, plain + 1);
    put_special(buf, bytes + plain, length - plain);
    nj_buf_append_char(buf, '"');
}

// What stands before a value: the comma and the member's name.
static void put_prefix(struct nj_json_writer *writer, const char *key)
{
    if (writer->depth > 0) {
        bool *need_comma = &writer->need_comma[writer->depth - 1];
        if (*need_comma)
            nj_buf_append_char(writer->buf, ',');
        *need_comma = true;
    }
    if (key) {
        put_text(writer->buf, key, strlen(key));
        nj_buf_append_char(writer->buf, ':');
    }
}

static void begin(struct nj_json_writer *writer, const char *key, char bracket)
{
    put_prefix(writer, key);
    if (writer->depth == NJ_JSON_WRITER_DEPTH_MAX) {
        if (!writer->buf->failed)
            writer->buf->failed = NJ_E_TOO_BIG;
        return;
    }
    nj_buf_append_char(writer->buf, bracket);
    writer->need_comma[writer->depth++] = false;
}

static void end(struct nj_json_writer *writer, char bracket)
{
    if (writer->depth > 0)
        writer->depth--;
    nj_buf_append_char(writer->buf, bracket);
}

void nj_json_object_begin(struct nj_json_writer *writer, const char *key)
{
    begin(writer, key, '{');
}

void nj_json_object_end(struct nj_json_writer *writer)
{
    end(writer, '}');
}

void nj_json_array_begin(struct nj_json_writer *writer, const char *key)
{
    begin(writer, key, '[');
}

void nj_json_array_end(struct nj_json_writer *writer)
{
    end(writer, ']');
}

void nj_json_text_n(struct nj_json_writer *writer, const char *key, const char *text, size_t n)
{
    if (!text) {
        nj_json_null(writer, key);
        return;
    }
    put_prefix(writer, key);
    put_text(writer->buf, text, n);
}

void nj_json_text(struct nj_json_writer *writer, const char *key, const char *text)
{
    nj_json_text_n(writer, key, text, text ? strlen(text) : 0);
}

// Decimal digits of `value` in front of `end`; at least `width` of them. Returns their start.
static char *digits_before(char *end, uint64_t value, int width)
{
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
        width--;
    } while (value || width > 0);
    return end;
}

static void put_int(struct nj_buf *buf, int64_t value)
{
    char digits[NJ_JSON_NUMBER_SIZE];
    char *last = digits + sizeof(digits);
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *at = digits_before(last, magnitude, 1);
    if (value < 0)
        *--at = '-';
    nj_buf_append(buf, at, (size_t)(last - at));
}

// value / 10^decimals without trailing zeros.
static void put_decimal(struct nj_buf *buf, int64_t value, int decimals)
{
    while (decimals > 0 && value % 10 == 0) {
        value /= 10;
        decimals--;
    }
    if (decimals == 0) {
        put_int(buf, value);
        return;
    }
    char digits[NJ_JSON_NUMBER_SIZE];
    char *last = digits + sizeof(digits);
    uint64_t magnitude = (uint64_t)(value < 0 ? -value : value);
    uint64_t power = (uint64_t)powers[decimals];
    char *at = digits_before(last, magnitude % power, decimals);
    *--at = '.';
    at = digits_before(at, magnitude / power, 1);
    if (value < 0)
        *--at = '-';
    nj_buf_append(buf, at, (size_t)(last - at));
}

// Fewest digits that read back as the same double.
static void put_shortest(struct nj_buf *buf, double value)
{
    char text[NJ_JSON_NUMBER_SIZE];
    for (int precision = NJ_JSON_DIGITS_EXACT; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    char point = localeconv()->decimal_point[0];
    char *found = point == '.' ? NULL : strchr(text, point);
    if (found)
        *found = '.';
    nj_buf_append_text(buf, text);
}

void nj_json_int(struct nj_json_writer *writer, const char *key, int64_t value)
{
    put_prefix(writer, key);
    put_int(writer->buf, value);
}

void nj_json_number(struct nj_json_writer *writer, const char *key, double value)
{
    if (!isfinite(value)) {
        nj_json_null(writer, key);
        return;
    }
    put_prefix(writer, key);
    // A decimal of at most 15 digits is the only such one for its double, and a quotient of two
    // exact doubles is rounded as a reader rounds the decimal: equal here means equal there.
    double power = (double)powers[NJ_JSON_DECIMALS_QUICK];
    double scaled = value * power;
    if (fabs(scaled) < exact_bound && !(value == 0 && signbit(value))) {
        double rounded = nearbyint(scaled);
        if (rounded / power == value) {
            put_decimal(writer->buf, (int64_t)rounded, NJ_JSON_DECIMALS_QUICK);
            return;
        }
    }
    if (value == 0)
        nj_buf_append(writer->buf, "-0.0", 4);
    else
        put_shortest(writer->buf, value);
}

void nj_json_fixed(struct nj_json_writer *writer, const char *key, double value, int digits)
{
    int last = (int)(sizeof(powers) / sizeof(powers[0])) - 1;
    digits = digits < 0 ? 0 : digits > last ? last : digits;
    double scaled = value * (double)powers[digits];
    if (!(fabs(scaled) < exact_bound)) { // also NaN; beyond it a double has no more decimals
        nj_json_number(writer, key, value);
        return;
    }
    put_prefix(writer, key);
    put_decimal(writer->buf, llround(scaled), digits);
}

void nj_json_bool(struct nj_json_writer *writer, const char *key, bool value)
{
    put_prefix(writer, key);
    nj_buf_append_text(writer->buf, value ? "true" : "false");
}

void nj_json_null(struct nj_json_writer *writer, const char *key)
{
    put_prefix(writer, key);
    nj_buf_append(writer->buf, "null", 4);
}

void nj_json_time(struct nj_json_writer *writer, const char *key, nj_us wall_us)
{
    if (wall_us <= 0) {
        nj_json_null(writer, key);
        return;
    }
    char text[NJ_ISO_TIME_SIZE];
    nj_time_format_iso(wall_us, text);
    nj_json_text(writer, key, text);
}

void nj_json_raw(struct nj_json_writer *writer, const char *key, const char *json, size_t length)
{
    put_prefix(writer, key);
    nj_buf_append(writer->buf, json, length);
}
