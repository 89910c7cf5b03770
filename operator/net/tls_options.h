// How an outbound connection is secured, whatever library makes it.
#pragma once

#include <string>

namespace purser::net {

// Files are read again for every new connection, so that rotated material is picked up. A *_pem
// value wins over the file of the same name.
struct TlsOptions {
  std::string ca_file;  // neither ca_file nor ca_pem: the system's certificate authorities
  std::string ca_pem;
  std::string certificate_file;  // client certificate chain
  std::string certificate_pem;
  std::string key_file;
  std::string key_pem;
  bool insecure_skip_verify = false;
  std::string server_name;  // verified and sent instead of the URL's host
};

}  // namespace purser::net
