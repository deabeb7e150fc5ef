// SPDX-License-Identifier: Apache-2.0
// Dates of HTTP headers.
#include "net/http_date_priv.h"

#include <stdio.h>
#include <string.h>

static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void nj_http_date_format(time_t seconds, char out[NJ_HTTP_DATE_SIZE])
{
    struct tm tm;
    if (!gmtime_r(&seconds, &tm))
        memset(&tm, 0, sizeof(tm));
    snprintf(out, NJ_HTTP_DATE_SIZE, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
             day_names[(unsigned)tm.tm_wday % 7], (unsigned)tm.tm_mday % 100,
             month_names[(unsigned)tm.tm_mon % 12], (unsigned)(tm.tm_year + 1900) % 10000,
             (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

int nj_http_date_parse(const char *text, time_t *out)
{
    struct tm tm = {0};
    char month[4] = "";
    // NOLINTNEXTLINE(cert-err34-c): widths bound the numbers, and they are compared again below
    if (strlen(text) != 29 || sscanf(text + 4, " %2d %3s %4d %2d:%2d:%2d GMT", &tm.tm_mday, month,
                                     &tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
        return NJ_E_INVALID;
    tm.tm_mon = -1;
    for (int i = 0; i < 12; i++) {
        if (strcmp(month, month_names[i]) == 0)
            tm.tm_mon = i;
    }
    if (tm.tm_mon < 0 || tm.tm_year < 1601)
        return NJ_E_INVALID;
    tm.tm_year -= 1900;
    time_t seconds = timegm(&tm);
    char again[NJ_HTTP_DATE_SIZE];
    nj_http_date_format(seconds, again);
    if (strcmp(again, text) != 0) // the wrong weekday, a 31st of June
        return NJ_E_INVALID;
    *out = seconds;
    return 0;
}
