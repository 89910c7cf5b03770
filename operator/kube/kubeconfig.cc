#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <optional>
#include <set>

#include "kube/access.h"
#include "kube/credentials.h"
#include "net/proxy.h"
#include "net/url.h"

namespace purser::kube {
namespace {

constexpr std::size_t kMaxEntries = 10'000;

Error Wrong(const std::string& where, const std::string& why) {
  return Error(ErrorCode::kInvalidArgument, where + ": " + why);
}

// A map of a kubeconfig: knows its place for messages and for relative paths. yaml-cpp's accessors
// throw and convert freely; these do neither.
class Section {
 public:
  Section(YAML::Node node, std::string where, std::filesystem::path folder)
      : node_(std::move(node)), where_(std::move(where)), folder_(std::move(folder)) {}

  bool Has(const char* name) const { return static_cast<bool>(Find(name)); }

  // Empty when absent.
  Result<std::string> Text(const char* name) const {
    const auto value = Find(name);
    if (!value || value->IsNull()) return std::string();
    if (!value->IsScalar()) return Wrong(Field(name), "must be a string");
    return value->Scalar();
  }

  Result<bool> Flag(const char* name) const {
    auto text = Text(name);
    if (!text) return text.error();
    if (text->empty() || *text == "false") return false;
    if (*text == "true") return true;
    return Wrong(Field(name), "must be true or false");
  }

  // Relative to the file's folder.
  Result<std::string> Path(const char* name) const {
    auto text = Text(name);
    if (!text || text->empty()) return text;
    return Resolve(*text);
  }
  std::string Resolve(const std::string& path) const {
    return std::filesystem::path(path).is_absolute() ? path
                                                     : (folder_ / path).lexically_normal().string();
  }

  Result<std::optional<Section>> Child(const char* name) const {
    const auto value = Find(name);
    if (!value || value->IsNull()) return std::optional<Section>();
    if (!value->IsMap()) return Wrong(Field(name), "must be a map");
    Section child(*value, Field(name), folder_);
    PURSER_RETURN_IF_ERROR(child.CheckKeys());
    return std::optional<Section>(std::move(child));
  }

  Result<std::vector<YAML::Node>> List(const char* name) const {
    std::vector<YAML::Node> items;
    const auto value = Find(name);
    if (!value || value->IsNull()) return items;
    if (!value->IsSequence() || value->size() > kMaxEntries)
      return Wrong(Field(name), "must be a list");
    for (const auto& item : *value) items.push_back(item);
    return items;
  }

  // A second value under the same key would be silently ignored.
  Status CheckKeys() const {
    std::set<std::string> names;
    for (const auto& entry : node_) {
      if (!entry.first.IsScalar()) return Wrong(where_, "a key is not a string");
      if (!names.insert(entry.first.Scalar()).second)
        return Wrong(Field(entry.first.Scalar()), "is there twice");
      if (names.size() > kMaxEntries) return Wrong(where_, "too many keys");
    }
    return Ok();
  }

  std::string Field(const std::string& name) const { return where_ + "." + name; }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::optional<YAML::Node> Find(const char* name) const {
    for (const auto& entry : node_) {
      if (entry.first.IsScalar() && entry.first.Scalar() == name) return entry.second;
    }
    return std::nullopt;
  }

  YAML::Node node_;
  std::string where_;
  std::filesystem::path folder_;
};

Result<std::string> DecodeBase64(std::string_view text) {
  std::string decoded;
  unsigned bits = 0;
  int count = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ') continue;
    unsigned value = 0;
    if (c >= 'A' && c <= 'Z')
      value = static_cast<unsigned>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      value = static_cast<unsigned>(c - 'a') + 26;
    else if (c >= '0' && c <= '9')
      value = static_cast<unsigned>(c - '0') + 52;
    else if (c == '+')
      value = 62;
    else if (c == '/')
      value = 63;
    else if (c == '=')
      ++padding;
    else
      return Error(ErrorCode::kInvalidArgument, "is not base64");
    if (padding > 0 && c != '=') return Error(ErrorCode::kInvalidArgument, "is not base64");
    bits = bits << 6 | value;
    if (++count == 4) {
      for (int shift = 16; shift >= 0; shift -= 8)
        decoded += static_cast<char>(bits >> shift & 0xff);
      bits = 0;
      count = 0;
    }
  }
  if (count != 0 || padding > 2) return Error(ErrorCode::kInvalidArgument, "is not base64");
  decoded.resize(decoded.size() - std::min(padding, decoded.size()));
  return decoded;
}

// NAME-data (base64) into `pem`, else NAME (a path) into `file`.
Status ReadMaterial(const Section& section, const std::string& name, std::string& pem,
                    std::string& file) {
  auto data = section.Text((name + "-data").c_str());
  if (!data) return data.error();
  if (!data->empty()) {
    auto decoded = DecodeBase64(*data);
    if (!decoded) return decoded.error().WithContext(section.Field(name + "-data"));
    pem = std::move(decoded).value();
    return Ok();
  }
  auto path = section.Path(name.c_str());
  if (!path) return path.error();
  file = std::move(path).value();
  return Ok();
}

std::string Quote(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '\n') {
      quoted += "\\n";
    } else if (static_cast<unsigned char>(c) >= ' ') {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string EncodeBase64(const std::string& text) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string encoded;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    unsigned bits = 0;
    for (std::size_t j = i; j < i + 3; ++j) {
      bits = bits << 8 | (j < text.size() ? static_cast<unsigned char>(text[j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      encoded += i + j > text.size() ? '=' : kDigits[bits >> (18 - 6 * j) & 63];
    }
  }
  return encoded;
}

class Loader {
 public:
  Status Read(const std::string& path) {
    auto text = ReadAccessFile(path);
    if (!text) return text.error().WithContext("kubeconfig");
    YAML::Node root;
    try {
      root = YAML::Load(*text);
    } catch (const YAML::Exception& exception) {
      return Wrong("kubeconfig '" + path + "'", exception.what());
    }
    if (!root.IsMap())
      return Wrong("kubeconfig '" + path + "'", "must be a map with clusters, users and contexts");
    Section section(root, "kubeconfig '" + path + "'",
                    std::filesystem::absolute(path).parent_path());
    PURSER_RETURN_IF_ERROR(section.CheckKeys());
    files_.push_back(std::move(section));
    return Ok();
  }

  Result<Access> Load(std::string context_name) {
    if (context_name.empty()) {
      for (const auto& file : files_) {
        auto current = file.Text("current-context");
        if (!current) return current.error();
        if (context_name.empty()) context_name = *current;
      }
    }
    if (context_name.empty()) return Wrong("kubeconfig", "has no current-context; name a context");
    auto context = Find("contexts", "context", context_name);
    if (!context) return context.error();
    auto cluster_name = context->Text("cluster");
    auto user_name = context->Text("user");
    auto ns = context->Text("namespace");
    if (!cluster_name) return cluster_name.error();
    if (!user_name) return user_name.error();
    if (!ns) return ns.error();

    Access access;
    access.default_namespace = ns->empty() ? "default" : *ns;
    auto cluster = Find("clusters", "cluster", *cluster_name);
    if (!cluster) return cluster.error();
    PURSER_RETURN_IF_ERROR(ReadCluster(*cluster, access));
    if (!user_name->empty()) {
      auto user = Find("users", "user", *user_name);
      if (!user) return user.error();
      PURSER_RETURN_IF_ERROR(ReadUser(*user, access));
    }
    return access;
  }

 private:
  // The first entry of that name in the files' order.
  Result<Section> Find(const char* list, const char* kind, const std::string& name) const {
    for (const auto& file : files_) {
      auto items = file.List(list);
      if (!items) return items.error();
      for (const auto& item : *items) {
        if (!item.IsMap()) return Wrong(file.Field(list), "an entry is not a map");
        const Section entry(item, file.Field(list) + "[" + name + "]", file.folder());
        auto entry_name = entry.Text("name");
        if (!entry_name) return entry_name.error();
        if (*entry_name != name) continue;
        auto body = entry.Child(kind);
        if (!body) return body.error();
        if (!*body) return Wrong(entry.Field(kind), "is missing");
        return **body;
      }
    }
    return Error(ErrorCode::kInvalidArgument,
                 "kubeconfig: no " + std::string(kind) + " named '" + name + "'");
  }

  static Status ReadCluster(const Section& cluster, Access& access) {
    auto server = cluster.Text("server");
    auto name = cluster.Text("tls-server-name");
    auto insecure = cluster.Flag("insecure-skip-tls-verify");
    auto proxy = cluster.Text("proxy-url");
    if (!server) return server.error();
    if (!name) return name.error();
    if (!insecure) return insecure.error();
    if (!proxy) return proxy.error();
    if (server->empty()) return Wrong(cluster.Field("server"), "is missing");
    auto url = net::ParseUrl(*server);
    if (!url) return url.error().WithContext(cluster.Field("server"));
    if (url->target.find('?') != std::string::npos)
      return Wrong(cluster.Field("server"), "must not have a query");
    access.server = url->Origin() + url->target;
    while (access.server.ends_with('/')) access.server.pop_back();
    access.tls.server_name = *name;
    access.tls.insecure_skip_verify = *insecure;
    PURSER_RETURN_IF_ERROR(
        ReadMaterial(cluster, "certificate-authority", access.tls.ca_pem, access.tls.ca_file));
    if (*insecure && !(access.tls.ca_pem.empty() && access.tls.ca_file.empty())) {
      return Wrong(cluster.Field("insecure-skip-tls-verify"),
                   "contradicts certificate-authority: remove one");
    }
    if (!proxy->empty()) {
      if (auto parsed = net::ParseProxy(*proxy); !parsed)
        return parsed.error().WithContext(cluster.Field("proxy-url"));
      access.proxy_url = *proxy;
    }
    return Ok();
  }

  static Status ReadUser(const Section& user, Access& access) {
    for (const char* name : {"username", "password"}) {
      if (user.Has(name))
        return Wrong(user.Field(name),
                     "API servers no longer accept passwords: use a token or a client certificate");
    }
    if (user.Has("auth-provider"))
      return Wrong(user.Field("auth-provider"), "is no longer supported: use exec");
    for (const char* name : {"as", "as-uid", "as-groups", "as-user-extra"}) {
      if (user.Has(name)) return Wrong(user.Field(name), "impersonation is not supported");
    }
    PURSER_RETURN_IF_ERROR(ReadMaterial(user, "client-certificate", access.tls.certificate_pem,
                                        access.tls.certificate_file));
    PURSER_RETURN_IF_ERROR(
        ReadMaterial(user, "client-key", access.tls.key_pem, access.tls.key_file));
    auto token = user.Text("token");
    auto token_file = user.Path("tokenFile");
    auto exec = user.Child("exec");
    if (!token) return token.error();
    if (!token_file) return token_file.error();
    if (!exec) return exec.error();
    // client-go's order: a file is fresher than what was written down once.
    if (!token_file->empty()) {
      access.bearer = TokenFromFile(*token_file);
    } else if (!token->empty()) {
      access.bearer = [token = *token](bool) -> Result<std::string> { return token; };
    } else if (*exec) {
      return ReadExec(**exec, access);
    }
    return Ok();
  }

  static Status ReadExec(const Section& exec, Access& access) {
    ExecOptions options;
    auto version = exec.Text("apiVersion");
    auto command = exec.Text("command");
    auto hint = exec.Text("installHint");
    auto mode = exec.Text("interactiveMode");
    auto wants_cluster = exec.Flag("provideClusterInfo");
    if (!version) return version.error();
    if (!command) return command.error();
    if (!hint) return hint.error();
    if (!mode) return mode.error();
    if (!wants_cluster) return wants_cluster.error();
    if (*version != "client.authentication.k8s.io/v1" &&
        *version != "client.authentication.k8s.io/v1beta1") {
      return Wrong(exec.Field("apiVersion"), "must be client.authentication.k8s.io/v1 or /v1beta1");
    }
    if (command->empty()) return Wrong(exec.Field("command"), "is missing");
    if (*mode == "Always")
      return Wrong(exec.Field("interactiveMode"), "Always: there is no terminal here");
    options.api_version = *version;
    options.command = command->find('/') == std::string::npos ? *command : exec.Resolve(*command);
    options.install_hint = *hint;
    auto arguments = exec.List("args");
    if (!arguments) return arguments.error();
    for (const auto& argument : *arguments) {
      if (!argument.IsScalar()) return Wrong(exec.Field("args"), "must be strings");
      options.arguments.push_back(argument.Scalar());
    }
    auto variables = exec.List("env");
    if (!variables) return variables.error();
    for (const auto& variable : *variables) {
      if (!variable.IsMap()) return Wrong(exec.Field("env"), "must be name and value pairs");
      const Section pair(variable, exec.Field("env"), exec.folder());
      auto name = pair.Text("name");
      auto value = pair.Text("value");
      if (!name) return name.error();
      if (!value) return value.error();
      if (name->empty() || name->find('=') != std::string::npos)
        return Wrong(pair.Field("name"), "is not the name of a variable");
      options.environment.emplace_back(*name, *value);
    }
    if (*wants_cluster) {
      auto info = ClusterInfo(access);
      if (!info) return info.error().WithContext(exec.Field("provideClusterInfo"));
      options.cluster_info = std::move(info).value();
    }
    access.bearer = TokenFromProgram(std::move(options));
    return Ok();
  }

  static Result<std::string> ClusterInfo(const Access& access) {
    std::string info = "{\"server\":" + Quote(access.server);
    std::string authority = access.tls.ca_pem;
    if (authority.empty() && !access.tls.ca_file.empty()) {
      auto text = ReadAccessFile(access.tls.ca_file);
      if (!text) return text.error();
      authority = std::move(text).value();
    }
    if (!authority.empty())
      info += ",\"certificate-authority-data\":\"" + EncodeBase64(authority) + "\"";
    if (!access.tls.server_name.empty())
      info += ",\"tls-server-name\":" + Quote(access.tls.server_name);
    if (access.tls.insecure_skip_verify) info += ",\"insecure-skip-tls-verify\":true";
    if (!access.proxy_url.empty()) info += ",\"proxy-url\":" + Quote(access.proxy_url);
    return info + "}";
  }

  std::vector<Section> files_;
};

}  // namespace

Result<Access> LoadKubeconfig(const std::vector<std::string>& files, const std::string& context) {
  Loader loader;
  for (const auto& file : files) PURSER_RETURN_IF_ERROR(loader.Read(file));
  try {
    return loader.Load(context);
  } catch (const YAML::Exception& exception) {
    return Wrong("kubeconfig", exception.what());
  }
}

}  // namespace purser::kube
