// Switches on what spendwatch reads of one API of a gateway:
//   az deployment group create -g rg-ai -f diagnostics.bicep \
//       -p gateway=apim-prod api=openai workspaceId=/subscriptions/.../workspaces/law-ai

@description('Name of the API Management service, in this resource group.')
param gateway string

@description('Id of the API in front of Azure OpenAI; deploy once for each.')
param api string

@description('Resource id of the Log Analytics workspace.')
param workspaceId string

@description('Request headers that say whose a call is. As few as possible: a row holds 32 KB.')
param requestHeaders array = [
  'x-tenant-id'
]

@description('Response headers: tenant, cached tokens, and what tells of a spill from PTU.')
param responseHeaders array = [
  'x-spend-tenant'
  'X-Cached-Tokens'
  'x-ms-spillover-from-deployment'
  'x-ms-is-spilled-over'
]

resource apim 'Microsoft.ApiManagement/service@2024-06-01-preview' existing = {
  name: gateway
}

resource llmApi 'Microsoft.ApiManagement/service/apis@2024-06-01-preview' existing = {
  parent: apim
  name: api
}

// Where the rows go: each category into a table of its own, not into AzureDiagnostics.
resource toWorkspace 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'spendwatch'
  scope: apim
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        category: 'GatewayLogs'
        enabled: true
      }
      {
        category: 'GatewayLlmLogs'
        enabled: true
      }
    ]
  }
}

resource logger 'Microsoft.ApiManagement/service/loggers@2024-06-01-preview' = {
  parent: apim
  name: 'azuremonitor'
  properties: {
    loggerType: 'azureMonitor'
    isBuffered: true
  }
}

// What is in the rows: every call, these headers, token counts; no body, no prompt, no answer.
resource llmLogs 'Microsoft.ApiManagement/service/apis/diagnostics@2024-06-01-preview' = {
  parent: llmApi
  name: 'azuremonitor'
  properties: {
    loggerId: logger.id
    alwaysLog: 'allErrors'
    verbosity: 'information'
    sampling: {
      samplingType: 'fixed'
      percentage: 100
    }
    frontend: {
      request: {
        headers: requestHeaders
        body: {
          bytes: 0
        }
      }
      response: {
        headers: responseHeaders
        body: {
          bytes: 0
        }
      }
    }
    backend: {
      request: {
        headers: []
        body: {
          bytes: 0
        }
      }
      response: {
        headers: []
        body: {
          bytes: 0
        }
      }
    }
    #disable-next-line BCP037
    largeLanguageModel: {
      logs: 'enabled'
    }
  }
}
