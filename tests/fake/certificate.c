// SPDX-License-Identifier: Apache-2.0
// Makes a certificate that is signed by itself, and writes it for servers and clients.
#include "tests/fake/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum { CERTIFICATE_LIFE_S = 24 * 3600, CURVE = NID_X9_62_prime256v1 };

static EVP_PKEY *make_key(void)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
    if (context && EVP_PKEY_keygen_init(context) > 0 &&
        EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, CURVE) > 0)
        (void)EVP_PKEY_keygen(context, &key);
    EVP_PKEY_CTX_free(context);
    return key;
}

static bool add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    bool fine = extension && X509_add_ext(certificate, extension, -1) > 0;
    X509_EXTENSION_free(extension);
    return fine;
}

static X509 *make_certificate(EVP_PKEY *key, const char *names)
{
    X509 *certificate = X509_new();
    if (!certificate)
        return NULL;
    X509_NAME *name = X509_get_subject_name(certificate);
    static const unsigned char common_name[] = "test server";
    bool fine = X509_set_version(certificate, 2) > 0 &&
                ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) > 0 &&
                X509_gmtime_adj(X509_getm_notBefore(certificate), -CERTIFICATE_LIFE_S) &&
                X509_gmtime_adj(X509_getm_notAfter(certificate), CERTIFICATE_LIFE_S) &&
                X509_set_pubkey(certificate, key) > 0 &&
                X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0) > 0 &&
                X509_set_issuer_name(certificate, name) > 0 &&
                add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE") &&
                add_extension(certificate, NID_subject_alt_name, names) &&
                X509_sign(certificate, key, EVP_sha256()) > 0;
    if (fine)
        return certificate;
    X509_free(certificate);
    return NULL;
}

bool nj_test_certificate_init(struct nj_test_certificate *out, const char *names)
{
    *out = (struct nj_test_certificate){.key = make_key()};
    if (out->key)
        out->certificate = make_certificate(out->key, names);
    if (out->certificate)
        return true;
    nj_test_certificate_finish(out);
    return false;
}

void nj_test_certificate_finish(struct nj_test_certificate *certificate)
{
    X509_free(certificate->certificate);
    EVP_PKEY_free(certificate->key);
    *certificate = (struct nj_test_certificate){.key = NULL};
}

bool nj_test_certificate_save(const struct nj_test_certificate *certificate, const char *path)
{
    FILE *file = fopen(path, "we");
    bool fine = file && PEM_write_X509(file, certificate->certificate) > 0;
    if (file && fclose(file))
        fine = false;
    return fine;
}

bool nj_test_certificate_save_key(const struct nj_test_certificate *certificate, const char *path)
{
    FILE *file = fopen(path, "we");
    bool fine = file && PEM_write_PrivateKey(file, certificate->key, NULL, NULL, 0, NULL, NULL) > 0;
    if (file && fclose(file))
        fine = false;
    return fine;
}
