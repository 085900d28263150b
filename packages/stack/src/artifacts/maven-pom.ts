import type { Artifact, MavenItem } from './catalogue.ts';

const MODEL = '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>';
const PLUGIN_VERSION = '3.8.1';

/**
 * A project whose only work is to fetch: `mvn generate-resources` copies all jars into `jars` and
 * takes one program out of the Redis archive into `unpacked`.
 */
export function mavenProject(artifacts: readonly Artifact[], redisProgram: string): string {
  const items = artifacts.flatMap(({ maven }) => maven);
  const redis = items.find(({ artifact }) => artifact === 'embedded-redis');
  return `${MODEL}
<groupId>tradestream</groupId><artifactId>stack</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${items.map(dependency).join('')}</dependencies>
<build><plugins><plugin>
<groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>${PLUGIN_VERSION}</version>
<executions>
${execution('copy-dependencies', '<includeScope>runtime</includeScope><outputDirectory>jars</outputDirectory>')}
${redis === undefined ? '' : execution('unpack', unpackItem(redis, redisProgram))}
</executions>
</plugin></plugins></build>
</project>
`;
}

/**
 * A POM without dependencies for an item of which the archive alone is wanted. Put into the local
 * repository beforehand it stands for the published one, whose parent Maven Central does not have.
 */
export function standInPom(item: MavenItem): { readonly path: string; readonly text: string } {
  const { group, artifact, version } = item;
  return {
    path: `${group.replaceAll('.', '/')}/${artifact}/${version}/${artifact}-${version}.pom`,
    text: `${MODEL}${coordinates(item)}</project>\n`,
  };
}

function execution(goal: string, configuration: string): string {
  return `<execution><id>${goal}</id><phase>generate-resources</phase><goals><goal>${goal}</goal></goals><configuration>${configuration}</configuration></execution>`;
}

function unpackItem(item: MavenItem, program: string): string {
  return `<artifactItems><artifactItem>${coordinates(item)}<includes>${program}</includes></artifactItem></artifactItems><outputDirectory>unpacked</outputDirectory>`;
}

function dependency(item: MavenItem): string {
  const type = item.type === undefined ? '' : `<type>${item.type}</type>`;
  const classifier = item.classifier === undefined ? '' : `<classifier>${item.classifier}</classifier>`;
  return `<dependency>${coordinates(item)}${type}${classifier}</dependency>`;
}

function coordinates({ group, artifact, version }: MavenItem): string {
  return `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`;
}
