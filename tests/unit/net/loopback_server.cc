#include "unit/net/loopback_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

namespace purser::support {
namespace {

std::string Drain(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

X509* ReadCertificate(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return certificate;
}

EVP_PKEY* ReadKey(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return key;
}

void AddExtension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  if (extension == nullptr) throw std::runtime_error("bad extension " + value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

CertificatePem MakeCertificate(const std::string& common_name, const std::string& names,
                               const CertificatePem* issuer) {
  static std::atomic<long> serial = 1;
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  X509* issuer_certificate = issuer == nullptr ? certificate : ReadCertificate(issuer->certificate);
  EVP_PKEY* issuer_key = issuer == nullptr ? key : ReadKey(issuer->key);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer_certificate));
  if (issuer == nullptr)
    AddExtension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  if (!names.empty()) AddExtension(certificate, issuer_certificate, NID_subject_alt_name, names);
  X509_sign(certificate, issuer_key, EVP_sha256());

  BIO* certificate_bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_bio, certificate);
  BIO* key_bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  CertificatePem pem{Drain(certificate_bio), Drain(key_bio)};
  if (issuer != nullptr) {
    X509_free(issuer_certificate);
    EVP_PKEY_free(issuer_key);
  }
  X509_free(certificate);
  EVP_PKEY_free(key);
  return pem;
}

Connection::~Connection() {
  if (ssl_ != nullptr) SSL_free(ssl_);
}

long Connection::Read(char* data, std::size_t size) {
  if (ssl_ != nullptr) return SSL_read(ssl_, data, static_cast<int>(size));
  return recv(socket_, data, size, 0);
}

bool Connection::Write(std::string_view text) {
  while (!text.empty()) {
    const long written = ssl_ != nullptr
                             ? SSL_write(ssl_, text.data(), static_cast<int>(text.size()))
                             : send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool Connection::Respond(int status, std::string_view body, std::string_view extra_headers) {
  return Write("HTTP/1.1 " + std::to_string(status) +
               " Status\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
               std::string(extra_headers) + "\r\n" + std::string(body));
}

std::optional<std::string> Connection::ReadRequest() {
  char buffer[16384];
  std::size_t wanted = std::string::npos;
  while (pending_.size() < wanted) {
    if (const auto end = pending_.find("\r\n\r\n");
        wanted == std::string::npos && end != std::string::npos) {
      std::string head = pending_.substr(0, end);
      std::ranges::transform(head, head.begin(),
                             [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      const auto length = head.find("content-length:");
      wanted = end + 4;
      if (length != std::string::npos)
        wanted += std::strtoul(head.c_str() + length + 15, nullptr, 10);
      continue;
    }
    const long count = Read(buffer, sizeof(buffer));
    if (count <= 0) return std::nullopt;
    pending_.append(buffer, static_cast<std::size_t>(count));
  }
  std::string request = pending_.substr(0, wanted);
  pending_.erase(0, wanted);
  return request;
}

bool Connection::WaitForClose() {
  char buffer[1024];
  pollfd waiting{socket_, POLLIN, 0};
  while (poll(&waiting, 1, 5000) > 0) {
    if (Read(buffer, sizeof(buffer)) <= 0) return true;
  }
  return false;
}

void Connection::Reset() {
  const linger hard{1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

std::string Connection::ServerName() const {
  const char* name =
      ssl_ == nullptr ? nullptr : SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

std::string Connection::PeerName() const {
  X509* peer = ssl_ == nullptr ? nullptr : SSL_get1_peer_certificate(ssl_);
  if (peer == nullptr) return "";
  char name[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name, sizeof(name));
  X509_free(peer);
  return name;
}

LoopbackServer::LoopbackServer(Script script, std::optional<ServerTls> tls)
    : script_(std::move(script)) {
  std::signal(SIGPIPE, SIG_IGN);
  if (tls) {
    context_ = SSL_CTX_new(TLS_server_method());
    X509* certificate = ReadCertificate(tls->certificate.certificate);
    EVP_PKEY* key = ReadKey(tls->certificate.key);
    SSL_CTX_use_certificate(context_, certificate);
    SSL_CTX_use_PrivateKey(context_, key);
    X509_free(certificate);
    EVP_PKEY_free(key);
    if (!tls->client_ca.empty()) {
      X509* authority = ReadCertificate(tls->client_ca);
      X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), authority);
      X509_free(authority);
      SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
  }
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 64) != 0) {
    throw std::runtime_error("cannot listen on 127.0.0.1");
  }
  getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

LoopbackServer::~LoopbackServer() {
  ending_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (const int socket : open_) shutdown(socket, SHUT_RDWR);
  }
  for (auto& thread : threads_) thread.join();
  close(listener_);
  if (context_ != nullptr) SSL_CTX_free(context_);
}

std::string LoopbackServer::Url(std::string_view path, std::string_view host) const {
  return std::string(context_ == nullptr ? "http" : "https") + "://" + std::string(host) + ":" +
         std::to_string(port_) + std::string(path);
}

void LoopbackServer::Accept() {
  while (true) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    const int one = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    const int number = connections_++;
    const std::lock_guard lock(mutex_);
    open_.push_back(socket);
    threads_.emplace_back([this, socket, number] { Serve(socket, number); });
  }
}

void LoopbackServer::Serve(int socket, int number) {
  SSL* ssl = nullptr;
  bool ready = true;
  if (context_ != nullptr) {
    ssl = SSL_new(context_);
    SSL_set_fd(ssl, socket);
    ready = SSL_accept(ssl) == 1;
  }
  {
    Connection connection(socket, ssl, number);
    if (ready) script_(connection);
    if (ssl != nullptr && ready) SSL_shutdown(ssl);
  }
  const std::lock_guard lock(mutex_);
  open_.erase(std::find(open_.begin(), open_.end(), socket));
  close(socket);
}

}  // namespace purser::support
