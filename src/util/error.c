// SPDX-License-Identifier: Apache-2.0
// The error record: formatting, prefixing and the names of the codes.
#undef NJ_ANALYSIS // the functions of which it tells are defined here
#include "util/error.h"

#include "util/mem.h"
#include "util/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

// Room for one more UTF-8 character than fits, so that a cut never looks like a broken character.
enum { NJ_ERROR_SCRATCH = NJ_ERROR_TEXT_MAX + 4 };

// Arguments may point into the record's own text: it is written only after they were read.
__attribute__((format(printf, 3, 0))) static void set_text(struct nj_error *err, int code,
                                                           const char *format, va_list arguments)
{
    char scratch[NJ_ERROR_SCRATCH];
    if (vsnprintf(scratch, sizeof(scratch), format, arguments) < 0)
        nj_text_copy(scratch, sizeof(scratch), format);
    err->code = code;
    nj_text_printable(err->text, sizeof(err->text), scratch);
}

int nj_error_set(struct nj_error *err, int code, const char *format, ...)
{
    if (err) {
        va_list arguments;
        va_start(arguments, format);
        set_text(err, code, format, arguments);
        va_end(arguments);
    }
    return code;
}

int nj_error_prefix(struct nj_error *err, const char *format, ...)
{
    if (!err)
        return NJ_E_INTERNAL;
    struct nj_error prefix;
    va_list arguments;
    va_start(arguments, format);
    set_text(&prefix, err->code, format, arguments);
    va_end(arguments);
    return nj_error_set(err, err->code, "%s: %s", prefix.text, err->text);
}

static int code_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOENT:
        return NJ_E_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
        return NJ_E_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return NJ_E_DENIED;
    default:
        return NJ_E_IO;
    }
}

int nj_error_errno(struct nj_error *err, int errno_value, const char *format, ...)
{
    int code = code_of_errno(errno_value);
    if (!err)
        return code;
    struct nj_error context;
    va_list arguments;
    va_start(arguments, format);
    set_text(&context, code, format, arguments);
    va_end(arguments);
    char reason[128];
    const char *text = strerror_r(errno_value, reason, sizeof(reason));
    return nj_error_set(err, code, "%s: %s", context.text, text);
}

const char *nj_error_name(int code)
{
    static const char *const names[] = {
        "ok",      "invalid", "not_found", "exists",   "nomem",       "io",
        "full",    "timeout", "cancelled", "conflict", "unavailable", "unsupported",
        "corrupt", "too_big", "denied",    "again",    "internal",
    };
    _Static_assert(NJ_COUNT_OF(names) == -NJ_E_INTERNAL + 1, "one name for each code");
    if (code > 0 || code < NJ_E_INTERNAL)
        return "unknown";
    return names[-code];
}
