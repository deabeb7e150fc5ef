// SPDX-License-Identifier: Apache-2.0
// SHA-256 through libcrypto, random ids, constant-time comparison.
#include "util/digest.h"

#include "util/text.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    NJ_DIGEST_BLOCK_BYTES = 256 * 1024, // large enough that the call costs nothing
    NJ_RANDOM_CHUNK_BYTES = 64,         // getrandom never cuts requests up to 256 bytes
};

int nj_sha256(const void *bytes, size_t length, uint8_t out[NJ_SHA256_SIZE])
{
    if (EVP_Digest(length ? bytes : "", length, out, NULL, EVP_sha256(), NULL) != 1)
        return NJ_E_NOMEM;
    return 0;
}

int nj_sha256_hex(const void *bytes, size_t length, char out[NJ_SHA256_HEX_SIZE])
{
    uint8_t digest[NJ_SHA256_SIZE];
    int rc = nj_sha256(bytes, length, digest);
    if (rc)
        return rc;
    nj_hex_encode(digest, sizeof(digest), out);
    return 0;
}

static int digest_fd(EVP_MD_CTX *context, int fd, int64_t *size, struct nj_error *err)
{
    char *block = malloc(NJ_DIGEST_BLOCK_BYTES);
    if (!block)
        return nj_error_set(err, NJ_E_NOMEM, "no memory to digest a file");
    int rc = 0;
    int64_t offset = 0;
    while (!rc) {
        ssize_t got = pread(fd, block, NJ_DIGEST_BLOCK_BYTES, offset);
        if (got == 0)
            break;
        if (got < 0) {
            if (errno != EINTR)
                rc = nj_error_errno(err, errno, "cannot read a file to digest it");
            continue;
        }
        offset += got;
        if (EVP_DigestUpdate(context, block, (size_t)got) != 1)
            rc = nj_error_set(err, NJ_E_INTERNAL, "SHA-256 failed");
    }
    free(block);
    if (!rc)
        *size = offset;
    return rc;
}

int nj_sha256_fd_hex(int fd, char out[NJ_SHA256_HEX_SIZE], int64_t *size, struct nj_error *err)
{
    uint8_t digest[NJ_SHA256_SIZE];
    int64_t bytes = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        return nj_error_set(err, NJ_E_NOMEM, "no memory for SHA-256");
    }
    int rc = digest_fd(context, fd, &bytes, err);
    if (!rc && EVP_DigestFinal_ex(context, digest, NULL) != 1)
        rc = nj_error_set(err, NJ_E_INTERNAL, "SHA-256 failed");
    EVP_MD_CTX_free(context);
    if (rc)
        return rc;
    nj_hex_encode(digest, sizeof(digest), out);
    if (size)
        *size = bytes;
    return 0;
}

int nj_random_hex(char *out, size_t bytes)
{
    uint8_t chunk[NJ_RANDOM_CHUNK_BYTES];
    size_t done = 0;
    while (done < bytes) {
        size_t want = bytes - done < sizeof(chunk) ? bytes - done : sizeof(chunk);
        ssize_t got = getrandom(chunk, want, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return NJ_E_IO;
        nj_hex_encode(chunk, (size_t)got, out + done * 2);
        done += (size_t)got;
    }
    out[bytes * 2] = '\0';
    OPENSSL_cleanse(chunk, sizeof(chunk));
    return 0;
}

int nj_random_uuid(char out[NJ_UUID_SIZE])
{
    static const char variants[] = "89ab";
    char hex[33];
    int rc = nj_random_hex(hex, 16);
    if (rc != 0)
        return rc;
    hex[12] = '4';
    hex[16] = variants[(hex[16] <= '9' ? hex[16] - '0' : hex[16] - 'a' + 10) & 3];
    size_t at = 0;
    for (size_t i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            out[at++] = '-';
        out[at++] = hex[i];
    }
    out[at] = '\0';
    return 0;
}

bool nj_secret_equal(const void *a, size_t a_length, const void *b, size_t b_length)
{
    return a_length == b_length && CRYPTO_memcmp(a, b, a_length) == 0;
}
