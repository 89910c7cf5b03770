// Holds the schemas under crds/ and the decoder together, both ways.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "api/codec.h"
#include "api/known_fields.h"
#include "api/yaml_document.h"
#include "unit/api/full_objects.h"

namespace purser::api {
namespace {

using Json = nlohmann::json;

struct Kind {
  std::string file;
  std::vector<KnownField> known;
  std::string full;         // an object with every implemented field
  std::string full_status;  // its status alone
};

// The two forms of a SpendCorrection in one: every field once.
std::string BothForms() {
  auto both = Json::parse(EncodeSpendCorrection(FullCorrection(CorrectionForm::kAmount)));
  both["spec"].update(
      Json::parse(EncodeSpendCorrection(FullCorrection(CorrectionForm::kDoubt)))["spec"]);
  return both.dump();
}

std::vector<Kind> Kinds() {
  return {{"agentpools", AgentPoolFields(), EncodeAgentPool(FullPool()),
           EncodeStatus(FullPool().status)},
          {"agentbudgets", AgentBudgetFields(), EncodeAgentBudget(FullBudget()),
           EncodeStatus(FullBudget().status)},
          {"spendcorrections", SpendCorrectionFields(), BothForms(),
           EncodeStatus(FullCorrection(CorrectionForm::kAmount).status)}};
}

// The schema of the version, as JSON.
Json SchemaOf(const Kind& kind) {
  std::ifstream stream(PURSER_SOURCE_DIR "/crds/purser.dev_" + kind.file + ".yaml");
  std::stringstream text;
  text << stream.rdbuf();
  const auto yaml = ParseYaml(text.str());
  EXPECT_TRUE(yaml.errors.empty()) << kind.file << ": " << yaml.errors.front().message;
  YamlPlace where;
  const auto json = ToJson(yaml.documents.at(0), where);
  EXPECT_TRUE(json.ok()) << LocationText(kind.file, where);
  return Json::parse(*json)["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
}

// Every property under spec and status: path ("spec.agents[].name") to schema.
void Collect(const Json& schema, const std::string& path, std::map<std::string, Json>& into) {
  if (!path.empty()) into[path] = schema;
  if (schema.contains("properties")) {
    for (const auto& [name, property] : schema["properties"].items()) {
      if (path.empty() && name != "spec" && name != "status") continue;
      Collect(property, path.empty() ? name : path + "." + name, into);
    }
  }
  if (schema.contains("items") && schema["items"].contains("properties")) {
    for (const auto& [name, property] : schema["items"]["properties"].items()) {
      Collect(property, path + "[]." + name, into);
    }
  }
}

std::map<std::string, Json> PropertiesOf(const Kind& kind) {
  std::map<std::string, Json> properties;
  Collect(SchemaOf(kind), "", properties);
  return properties;
}

// All messages of CEL rules of a schema.
void CollectMessages(const Json& schema, std::vector<std::string>& into) {
  if (schema.is_object()) {
    if (schema.contains("x-kubernetes-validations")) {
      for (const auto& rule : schema["x-kubernetes-validations"]) {
        into.push_back(rule.value("fieldPath", "") + ": " + rule["message"].get<std::string>());
      }
    }
    for (const auto& [name, value] : schema.items()) CollectMessages(value, into);
  }
}

bool IsUnder(const std::string& path, const std::string& parent) {
  return path.size() > parent.size() && path.starts_with(parent) &&
         (path[parent.size()] == '.' || path[parent.size()] == '[');
}

TEST(SchemaTest, EveryPropertyIsKnownToTheDecoder) {
  for (const auto& kind : Kinds()) {
    for (const auto& [path, schema] : PropertiesOf(kind)) {
      if (path == "spec" || path == "status") continue;
      const bool known = std::any_of(
          kind.known.begin(), kind.known.end(), [&, &p = path](const KnownField& field) {
            return field.path == p || (!field.implemented && IsUnder(p, field.path));
          });
      EXPECT_TRUE(known) << kind.file << ": " << path
                         << " is in the schema, not in the decoder's tables";
    }
  }
}

TEST(SchemaTest, EveryKnownFieldIsInTheSchemaWithItsTypeAndValues) {
  for (const auto& kind : Kinds()) {
    const auto properties = PropertiesOf(kind);
    for (const auto& field : kind.known) {
      const auto found = properties.find(field.path);
      ASSERT_NE(found, properties.end())
          << kind.file << ": " << field.path << " is not in the schema";
      if (!field.implemented) continue;
      EXPECT_EQ(found->second.value("type", "scalar"), field.type) << field.path;
      if (field.type == "array") {
        EXPECT_EQ(found->second["maxItems"], field.maximum) << field.path;
      } else if (field.type == "integer" && field.path.starts_with("spec.")) {
        EXPECT_EQ(found->second["minimum"], field.minimum) << field.path;
        EXPECT_EQ(found->second["maximum"], field.maximum) << field.path;
      }
      if (field.values.empty() || field.path == "spec.window.period") continue;
      std::vector<std::string> want = field.values;
      want.insert(want.end(), field.refused_values.begin(), field.refused_values.end());
      std::vector<std::string> got = found->second.value("enum", std::vector<std::string>());
      std::sort(want.begin(), want.end());
      std::sort(got.begin(), got.end());
      EXPECT_EQ(got, want) << kind.file << ": " << field.path;
    }
  }
}

TEST(SchemaTest, WhatIsNotImplementedIsRefusedByARuleThatSaysSo) {
  for (const auto& kind : Kinds()) {
    std::vector<std::string> messages;
    CollectMessages(SchemaOf(kind), messages);
    const auto refused = [&](const std::string& what) {
      return std::any_of(messages.begin(), messages.end(), [&](const std::string& message) {
        return message.find("not implemented yet; ") != std::string::npos &&
               message.find(what) != std::string::npos;
      });
    };
    for (const auto& field : kind.known) {
      if (!field.path.starts_with("spec.")) continue;
      const auto name = field.path.substr(field.path.rfind('.') + 1);
      if (!field.implemented) {
        EXPECT_TRUE(refused(name)) << kind.file << ": no rule refuses " << field.path;
      }
      for (const auto& value : field.refused_values) {
        EXPECT_TRUE(refused(value))
            << kind.file << ": no rule refuses " << value << " of " << field.path;
      }
    }
  }
}

TEST(SchemaTest, EverythingIsDescribedAndBounded) {
  for (const auto& kind : Kinds()) {
    for (const auto& [path, schema] : PropertiesOf(kind)) {
      EXPECT_GE(schema.value("description", "").size(), 9u)
          << kind.file << ": " << path << " has no description";
      const auto type = schema.value("type", "");
      if (type == "string") {
        EXPECT_TRUE(schema.contains("maxLength") || schema.contains("enum") ||
                    schema.contains("format"))
            << path;
      } else if (type == "integer") {
        EXPECT_TRUE(schema.contains("minimum")) << path;
        EXPECT_TRUE(path.starts_with("status") || schema.contains("maximum")) << path;
      } else if (type == "array") {
        EXPECT_TRUE(schema.contains("maxItems")) << path;
        EXPECT_TRUE(schema.contains("x-kubernetes-list-type")) << path;
      } else if (type.empty()) {
        // A boolean, an integer or a text: objects and lists are bounded to nothing.
        EXPECT_TRUE(schema.contains("maxLength")) << path;
        EXPECT_EQ(schema.value("maxProperties", -1), 0) << path;
        EXPECT_EQ(schema.value("maxItems", -1), 0) << path;
      } else {
        EXPECT_EQ(type, "object") << path;
        EXPECT_TRUE(schema.contains("properties") || schema.contains("maxProperties")) << path;
      }
    }
  }
}

// What the schema says of a value: type, bounds, names. Enough for what the encoder writes.
void ExpectFits(const Json& value, const Json& schema, const std::string& path) {
  const auto type = schema.value("type", "");
  if (type == "object") {
    ASSERT_TRUE(value.is_object()) << path;
    for (const auto& name : schema.value("required", std::vector<std::string>())) {
      EXPECT_TRUE(value.contains(name)) << path << "." << name;
    }
    for (const auto& [name, item] : value.items()) {
      if (schema.contains("additionalProperties")) {
        ExpectFits(item, schema["additionalProperties"], path + "." + name);
        continue;
      }
      ASSERT_TRUE(schema["properties"].contains(name))
          << path << "." << name << " is not in the schema";
      ExpectFits(item, schema["properties"][name], path + "." + name);
    }
  } else if (type == "array") {
    ASSERT_TRUE(value.is_array()) << path;
    EXPECT_LE(value.size(), schema["maxItems"].get<std::size_t>()) << path;
    for (const auto& item : value) ExpectFits(item, schema["items"], path + "[]");
  } else if (type == "integer") {
    ASSERT_TRUE(value.is_number_integer()) << path;
  } else if (type.empty()) {
    ASSERT_TRUE(value.is_primitive()) << path;
  } else {
    ASSERT_TRUE(value.is_string()) << path;
    if (schema.contains("maxLength")) {
      EXPECT_LE(value.get<std::string>().size(), schema["maxLength"].get<std::size_t>()) << path;
    }
  }
}

void CollectPaths(const Json& value, const std::string& path, std::vector<std::string>& into) {
  if (value.is_object()) {
    for (const auto& [name, item] : value.items()) {
      const auto below = path.empty() ? name : path + "." + name;
      into.push_back(below);
      CollectPaths(item, below, into);
    }
  } else if (value.is_array()) {
    for (const auto& item : value) CollectPaths(item, path + "[]", into);
  }
}

TEST(SchemaTest, WhatTheEncoderWritesFitsTheSchemaAndLeavesNothingOut) {
  for (const auto& kind : Kinds()) {
    const auto schema = SchemaOf(kind);
    const auto full = Json::parse(kind.full);
    ExpectFits(full["spec"], schema["properties"]["spec"], kind.file + ": spec");
    ExpectFits(Json::parse(kind.full_status), schema["properties"]["status"],
               kind.file + ": status");

    std::vector<std::string> written;
    CollectPaths(full, "", written);
    for (const auto& field : kind.known) {
      if (!field.implemented) continue;
      EXPECT_NE(std::find(written.begin(), written.end(), field.path), written.end())
          << kind.file << ": " << field.path << " is read but never written";
    }
  }
}

TEST(SchemaTest, DefaultsOfTheSchemaAreThoseOfTheDecoder) {
  const auto defaults_of = [](const std::string& file) {
    std::map<std::string, std::string> defaults;
    for (const auto& kind : Kinds()) {
      if (kind.file != file) continue;
      for (const auto& [path, schema] : PropertiesOf(kind)) {
        if (schema.contains("default") && schema["type"] != "object")
          defaults[path] = schema["default"].dump();
      }
    }
    return defaults;
  };
  const auto pool = defaults_of("agentpools");
  const ScalingSpec scaling;
  EXPECT_EQ(pool.at("spec.agents[].workloadRef.apiVersion"),
            "\"" + WorkloadRef().api_version + "\"");
  EXPECT_EQ(pool.at("spec.priority"), std::to_string(AgentPoolSpec().priority));
  EXPECT_EQ(pool.at("spec.scaling.onThrottle"), "\"Proportional\"");
  EXPECT_EQ(pool.at("spec.scaling.onStop"), "\"Zero\"");
  EXPECT_EQ(pool.at("spec.scaling.minReplicas"), std::to_string(scaling.min_replicas));
  EXPECT_EQ(pool.at("spec.scaling.drainSeconds"), std::to_string(scaling.drain_seconds));
  EXPECT_EQ(pool.at("spec.runaway.action"), "\"Throttle\"");
  EXPECT_EQ(pool.at("spec.limitTargets[].configMap.key"), "\"" + ConfigMapTarget().key + "\"");

  const auto budget = defaults_of("agentbudgets");
  EXPECT_EQ(budget.at("spec.unit"), "\"USD\"");
  EXPECT_EQ(budget.at("spec.window.type"), "\"Calendar\"");
  EXPECT_EQ(budget.at("spec.window.period"),
            "\"" + std::string(ToString(WindowSpec().period)) + "\"");
  EXPECT_EQ(budget.at("spec.window.timeZone"), "\"" + WindowSpec().time_zone + "\"");
  EXPECT_EQ(budget.at("spec.window.weekStart"),
            "\"" + std::string(ToString(WindowSpec().week_start)) + "\"");
  EXPECT_EQ(budget.at("spec.tokens.kind"), "\"" + std::string(ToString(TokensSpec().kind)) + "\"");
  EXPECT_EQ(budget.at("spec.tokens.cached"),
            "\"" + std::string(ToString(TokensSpec().cached)) + "\"");
  EXPECT_EQ(budget.at("spec.burnRates[].action"),
            "\"" + std::string(ToString(BurnRate().action)) + "\"");
  EXPECT_EQ(budget.at("spec.scope.per"), "\"Total\"");
  EXPECT_EQ(budget.at("spec.thresholds"),
            R"([{"action":"Throttle","percent":80},{"action":"Stop","percent":100}])");
  EXPECT_EQ(budget.at("spec.source"), "\"" + AgentBudgetSpec().source + "\"");
  EXPECT_EQ(budget.at("spec.onSourceLoss.action"), "\"Hold\"");
  EXPECT_EQ(budget.at("spec.onSourceLoss.afterSeconds"),
            std::to_string(SourceLossSpec().after_seconds));
  EXPECT_EQ(budget.at("spec.onUnpriced"), "\"Estimate\"");
  EXPECT_EQ(budget.at("spec.onDoubt"), "\"Hold\"");
  EXPECT_EQ(budget.at("spec.mode"), "\"Enforce\"");
  EXPECT_EQ(budget.at("spec.stopPolicy"), "\"AtCeiling\"");
}

}  // namespace
}  // namespace purser::api
