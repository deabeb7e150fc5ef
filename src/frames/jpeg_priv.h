// SPDX-License-Identifier: Apache-2.0
// libjpeg's errors as ours: it leaves by longjmp, which never gets past nj_jpeg_guard.
#ifndef NJ_FRAMES_JPEG_PRIV_H
#define NJ_FRAMES_JPEG_PRIV_H

#include "util/error.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>

#include <jpeglib.h>

struct nj_jpeg_guard {
    struct jpeg_error_mgr manager; // first: libjpeg's `err` points here
    jmp_buf exit;
    int code;    // of the failure, enum nj_error_code
    bool strict; // damage ends decoding
    char text[JMSG_LENGTH_MAX];
};

// Fills the manager; the caller sets info->err to it.
void nj_jpeg_guard_init(struct nj_jpeg_guard *guard, bool strict);

// Runs `step(job)`, and returns its result or the code with which libjpeg left it. What `step`
// owns must be reachable from `job`.
int nj_jpeg_guard_run(struct nj_jpeg_guard *guard, int (*step)(void *job), void *job);

#endif
