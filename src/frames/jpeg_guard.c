// SPDX-License-Identifier: Apache-2.0
// libjpeg's error manager: which of its messages are damage, and the way out.
#include "frames/jpeg_priv.h"

#include <string.h>

#include <jerror.h>

static int code_of(int message)
{
    switch (message) {
    case JERR_OUT_OF_MEMORY:
        return NJ_E_NOMEM;
    case JERR_NO_BACKING_STORE:
    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW:
        return NJ_E_TOO_BIG;
    case JERR_SOF_UNSUPPORTED:
    case JERR_BAD_PRECISION:
    case JERR_ARITH_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_COMPONENT_COUNT:
        return NJ_E_UNSUPPORTED;
    default:
        return NJ_E_CORRUPT;
    }
}

// libjpeg also warns of things that cost no pixel, such as bytes between segments.
static bool is_damage(int message)
{
    switch (message) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
        return true;
    default:
        return false;
    }
}

static void leave(j_common_ptr info, int code)
{
    struct nj_jpeg_guard *guard = (struct nj_jpeg_guard *)(void *)info->err;
    guard->manager.format_message(info, guard->text);
    guard->code = code;
    longjmp(guard->exit, 1);
}

static void leave_on_error(j_common_ptr info)
{
    leave(info, code_of(info->err->msg_code));
}

static void note_warning(j_common_ptr info, int level)
{
    const struct nj_jpeg_guard *guard = (const struct nj_jpeg_guard *)(const void *)info->err;
    if (level < 0 && guard->strict && is_damage(info->err->msg_code))
        leave(info, NJ_E_CORRUPT);
}

static void print_nothing(j_common_ptr info)
{
    (void)info;
}

void nj_jpeg_guard_init(struct nj_jpeg_guard *guard, bool strict)
{
    memset(guard, 0, sizeof(*guard));
    jpeg_std_error(&guard->manager);
    guard->manager.error_exit = leave_on_error;
    guard->manager.emit_message = note_warning;
    guard->manager.output_message = print_nothing;
    guard->strict = strict;
}

int nj_jpeg_guard_run(struct nj_jpeg_guard *guard, int (*step)(void *job), void *job)
{
    if (setjmp(guard->exit) != 0)
        return guard->code;
    return step(job);
}
