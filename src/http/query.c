// SPDX-License-Identifier: Apache-2.0
// Query and path parameters: typed, and refused with their name when they are wrong.
#include "http/http_priv.h"
#include "util/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DATE_LENGTH = 10, DEFAULT_LIMIT = 50, LIMIT_MAX = 500 };

static const nj_us day_us = 86400 * (nj_us)NJ_US_PER_S;

static bool refuse(struct nj_exchange *exchange, const char *name, const char *allowed)
{
    char detail[256];
    snprintf(detail, sizeof detail, "query parameter %s: must be %s", name, allowed);
    nj_exchange_problem(exchange, 400, detail);
    return false;
}

bool nj_query_int(struct nj_exchange *exchange, const char *name, const int64_t range[2],
                  int64_t *value)
{
    const char *text = nj_http_query(exchange->request, name);
    int64_t number;
    if (text == NULL)
        return true;
    if (nj_text_to_int(text, &number) != 0 || number < range[0] || number > range[1]) {
        char allowed[80];
        snprintf(allowed, sizeof allowed, "a whole number from %" PRId64 " to %" PRId64, range[0],
                 range[1]);
        return refuse(exchange, name, allowed);
    }
    *value = number;
    return true;
}

bool nj_query_bool(struct nj_exchange *exchange, const char *name, bool *out_given, bool *value)
{
    const char *text = nj_http_query(exchange->request, name);
    if (text == NULL)
        return true;
    if (nj_text_to_bool(text, value) != 0)
        return refuse(exchange, name, "true or false");
    if (out_given != NULL)
        *out_given = true;
    return true;
}

bool nj_query_time(struct nj_exchange *exchange, const char *name, bool end, nj_us *value)
{
    const char *text = nj_http_query(exchange->request, name);
    if (text == NULL)
        return true;
    if (nj_time_parse_iso(text, value) != 0)
        return refuse(exchange, name, "a date or a time in ISO 8601");
    if (end && strlen(text) == DATE_LENGTH)
        *value += day_us;
    return true;
}

bool nj_query_number(struct nj_exchange *exchange, const char *name, double *value)
{
    const char *text = nj_http_query(exchange->request, name);
    if (text == NULL)
        return true;
    if (nj_text_to_double(text, value) != 0)
        return refuse(exchange, name, "a number");
    return true;
}

bool nj_query_text(struct nj_exchange *exchange, const char *name, char out[256],
                   const char **value)
{
    const char *text = nj_http_query(exchange->request, name);
    if (text == NULL || text[0] == '\0')
        return true;
    if (!nj_utf8_valid(text, strlen(text)) || !nj_text_copy(out, 256, text))
        return refuse(exchange, name, "UTF-8 text of at most 255 bytes");
    *value = out;
    return true;
}

bool nj_query_limit(struct nj_exchange *exchange, size_t *limit)
{
    int64_t value = DEFAULT_LIMIT;
    if (!nj_query_int(exchange, "limit", (const int64_t[]){1, LIMIT_MAX}, &value))
        return false;
    *limit = (size_t)value;
    return true;
}

bool nj_param_id(struct nj_exchange *exchange, size_t index, int64_t *out)
{
    int64_t id;
    if (nj_text_to_int(exchange->params[index], &id) == 0 && id > 0) {
        *out = id;
        return true;
    }
    nj_exchange_problem(exchange, 404, "no such id: ids are whole numbers from 1");
    return false;
}
