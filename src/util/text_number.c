// SPDX-License-Identifier: Apache-2.0
// Whole-text parsing of numbers and truth values.
#include "util/text.h"

#include "util/mem.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Longer numbers than this are nobody's setting; the exact value of any double has 767 digits.
enum { NJ_NUMBER_TEXT_MAX = 800 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int nj_text_to_int(const char *text, int64_t *out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    if (!is_digit(*digits) || digits[strspn(digits, "0123456789")])
        return NJ_E_INVALID;
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno == ERANGE)
        return NJ_E_TOO_BIG;
    *out = value;
    return 0;
}

// digits [. digits] [e [sign] digits], with digits on at least one side of the point.
static bool is_decimal(const char *at)
{
    at += *at == '-' || *at == '+';
    size_t whole = strspn(at, "0123456789");
    at += whole;
    size_t fraction = 0;
    if (*at == '.') {
        at++;
        fraction = strspn(at, "0123456789");
        at += fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '-' || *at == '+';
        if (!is_digit(*at))
            return false;
        at += strspn(at, "0123456789");
    }
    return !*at;
}

int nj_text_to_double(const char *text, double *out)
{
    char local[NJ_NUMBER_TEXT_MAX];
    if (!is_decimal(text))
        return NJ_E_INVALID;
    if (!nj_text_copy(local, sizeof(local), text))
        return NJ_E_TOO_BIG;
    // strtod wants the decimal point of the locale, which a library may have set.
    char *point = strchr(local, '.');
    if (point)
        *point = localeconv()->decimal_point[0];
    double value = strtod(local, NULL);
    if (!isfinite(value))
        return NJ_E_TOO_BIG;
    *out = value;
    return 0;
}

int nj_text_to_bool(const char *text, bool *out)
{
    static const struct {
        const char *text;
        bool value;
    } words[] = {
        {"true", true}, {"false", false}, {"1", true},  {"0", false},
        {"yes", true},  {"no", false},    {"on", true}, {"off", false},
    };
    for (size_t i = 0; i < NJ_COUNT_OF(words); i++) {
        if (nj_text_equal_nocase(text, words[i].text)) {
            *out = words[i].value;
            return 0;
        }
    }
    return NJ_E_INVALID;
}
